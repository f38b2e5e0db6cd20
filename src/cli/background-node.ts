/** What `db:measure:start` and `db:measure:restart` have in common. */
import type { MeasurementView } from '../wire/control.ts'
import type { CliContext } from './context.ts'
import { formatDuration } from './format.ts'
import { ask } from './local-node.ts'
import { measurementReport } from './measurement-report.ts'

/** For its answer, from its start on. */
export const waitMsMax = 30_000

export interface BackgroundStart {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly dataDir: string
}

/** @throws MeshError ERR_START_FAILED, ERR_DATA_DIR_LOCKED, ERR_DATA_DIR_UNUSABLE */
export async function startInBackground(context: CliContext, start: BackgroundStart, signal: AbortSignal): Promise<void> {
  const { startDetached } = await context.parts.daemon()
  await startDetached({
    ...start, waitMsMax, signal,
    onWaiting: async (waitedMs) => {
      if (context.stderr.isTerminal) await context.stderr.write(`The node starts, since ${formatDuration(Math.round(waitedMs / 1000) * 1000)} …\n`)
    },
  })
}

export async function reportMeasurement(context: CliContext, { dataDir, database, isJson, did }: { readonly dataDir: string; readonly database: string | null; readonly isJson: boolean; readonly did: 'started' | 'restarted' | 'running' }, signal: AbortSignal): Promise<void> {
  const view = await ask<MeasurementView>(context, { dataDir }, { method: 'measurement', database }, signal)
  if (isJson) return await context.stdout.write(`${JSON.stringify({ running: true, did, ...view }, null, 2)}\n`)
  const first = did === 'running' ? 'A node runs already' : `The node has been ${did}`
  await context.stdout.write(`${first}.\n${measurementReport(view, { output: context.stdout, nowWallMs: context.wallMs() })}`)
}
