import type { MeasurementView } from '../wire/control.ts'
import { writeDuration } from '../node/options-values.ts'
import type { TextOutput } from './context.ts'
import { formatAge, formatDuration } from './format.ts'

export const NOT_A_FILE = 'not a file of the data folder'

/** What a running node measures, by what it judges, and where its log is. */
export function measurementReport(view: MeasurementView, { output, nowWallMs }: { readonly output: TextOutput; readonly nowWallMs: number }): string {
  const { cpuPercent, memoryPercent, latencyMs } = view.thresholds
  const lines: ReadonlyArray<readonly [string, string]> = [
    ['Node', `${view.node}, up ${formatDuration(view.uptimeMs)}`],
    ['PID', String(view.pid)],
    ...(view.database === null ? [] : [['Database', view.databases.includes(view.database) ? view.database : `${view.database}, not served here`] as const]),
    ...(view.database === null ? [['Databases', view.databases.length === 0 ? 'none' : view.databases.join(', ')] as const] : []),
    ['Interval', `${writeDuration(view.pingIntervalMs)}, ${view.peers} ${view.peers === 1 ? 'peer' : 'peers'}`],
    ['Thresholds', `CPU ${cpuPercent}%, memory ${memoryPercent}%, latency ${formatDuration(latencyMs)}`],
    ['Last check', formatAge(view.lastCheckWallMs, nowWallMs)],
    ['Log file', view.log ?? NOT_A_FILE],
  ]
  return lines.map(([title, text]) => `${output.style('bold', `${title}:`.padEnd(12))}${text}\n`).join('')
}
