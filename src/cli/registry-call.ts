/** Registering and unregistering beside a running node, with what is told while it lasts. */
import { MeshError } from '../errors.ts'
import type { ControlRequest, RegistryProgress, RegistryView } from '../wire/control.ts'
import type { CliContext, ControlTarget, TextOutput } from './context.ts'
import { formatDuration } from './format.ts'

export async function callRegistry(context: CliContext, target: ControlTarget, request: ControlRequest, signal: AbortSignal): Promise<RegistryView> {
  const { callControl } = await context.parts.control()
  let told = ''
  for await (const payload of callControl(target, request, signal)) {
    const progress = payload as RegistryProgress
    if (progress.kind === 'done') return progress.view
    const text = `${progress.running} ${progress.running === 1 ? 'query still runs' : 'queries still run'}`
    if (text !== told) await context.stderr.write(`${text}; ${formatDuration(Math.ceil(progress.leftMs / 1000) * 1000)} left before the engine closes.\n`)
    told = text
  }
  throw new MeshError('ERR_NO_NODE', 'the node ended the call without an answer')
}

/** Where it is kept, and what is to be known before the next start. */
export function keptText({ file, isSaved, notes }: { readonly file: string | null; readonly isSaved: boolean | null; readonly notes: readonly string[] }, output: TextOutput, verb = 'Kept in'): string {
  return `${isSaved === true && file !== null ? `${verb} ${file}.\n` : ''}${notes.map((note) => `${output.style('yellow', 'note:')} ${note}\n`).join('')}`
}
