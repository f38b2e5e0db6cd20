import type { PeerStatus } from '../core/latency/types.ts'
import type { NodesView } from '../wire/control.ts'
import { writeDuration } from '../node/options-values.ts'
import type { TextOutput } from './context.ts'
import { drawFittedTable } from './fitted-table.ts'
import { formatAge, formatDuration, formatLatency, formatPercent, formatShare } from './format.ts'
import { drillMark, statusName, statusText } from './state-text.ts'

const statuses: readonly PeerStatus[] = ['healthy', 'degraded', 'unhealthy']

/** Header with what is measured and judged by, a line a node, and the summary. */
export function nodesTable({ database, pingIntervalMs, thresholds, nodes }: NodesView, { nowWallMs, output }: { readonly nowWallMs: number; readonly output: TextOutput }): string {
  const header = [
    `Database: ${output.style('bold', database)}`,
    `Measurement interval: ${writeDuration(pingIntervalMs)}`,
    `Thresholds: CPU ${thresholds.cpuPercent}%, memory ${thresholds.memoryPercent}%, latency ${formatDuration(thresholds.latencyMs)}`,
  ]
  // Most engines tell none; a node of an older version neither.
  const hasLags = nodes.some(({ lagMs }) => typeof lagMs === 'number')
  const rows = nodes.map((node) => [
    node.role === 'primary' ? `${node.name} (primary)` : node.name,
    node.type,
    `${statusText(node.status, output)}${drillMark(node.drill)}`,
    formatPercent(node.cpuPercent),
    formatPercent(node.memoryPercent),
    node.inFlight === null ? '–' : String(node.inFlight),
    node.type === 'local' ? '–' : formatLatency(node.latencyMs),
    ...(hasLags ? [formatLatency(node.lagMs)] : []),
    formatAge(node.lastCheckWallMs, nowWallMs),
  ])
  const table = drawFittedTable([
    { title: 'Location' }, { title: 'Type', need: 3 }, { title: 'Status' }, { title: 'CPU', align: 'right', need: 6 }, { title: 'Memory', align: 'right', need: 5 },
    { title: 'In flight', align: 'right', need: 1 }, { title: 'Latency', align: 'right', need: 7 }, ...(hasLags ? [{ title: 'Lag', align: 'right', need: 2 } as const] : []), { title: 'Last check', need: 4 },
  ], rows, output)
  const counts = statuses.map((status) => `${statusName(status)}: ${formatShare(nodes.filter((node) => node.status === status).length, nodes.length)}`)
  // Below the table, which would outgrow most terminals with them inside.
  const reasons = nodes.filter(({ statusReason }) => statusReason !== null).map(({ name, statusReason }) => `${name}: ${statusReason}\n`)
  return `${header.join('\n')}\n${table}${reasons.join('')}Summary: ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}. ${counts.join(', ')}\n`
}
