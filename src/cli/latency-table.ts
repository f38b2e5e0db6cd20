import type { LatencyNodeView, LatencySpanView, LatencyView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { formatBytes, formatCount, formatDuration, formatLatency, formatPercent, formatTime } from './format.ts'
import { statusText } from './state-text.ts'
import { drawTable, type TableColumn } from './table.ts'

const missing = '–'

/** Header, a line a peer, and why one is not healthy. */
export function latencyTable({ database, sinceWallMs, thresholdMs, nodes }: LatencyView, { isWide, output, nowWallMs }: { readonly isWide: boolean; readonly output: TextOutput; readonly nowWallMs: number }): string {
  const header = `Database: ${output.style('bold', database)}\nRound trips since ${clockTime(sinceWallMs)} (${formatDuration(Math.max(0, nowWallMs - sinceWallMs))}). Threshold: ${formatDuration(thresholdMs)}\n`
  if (nodes.length === 0) return `${header}No other node serves it.\n`
  const columns: TableColumn[] = [
    { title: 'Peer' }, { title: 'Status' }, { title: 'Current', align: 'right' }, { title: 'Average', align: 'right' }, { title: 'Min', align: 'right' }, { title: 'Max', align: 'right' },
    { title: 'Samples', align: 'right' }, { title: 'Quality', align: 'right' },
  ]
  const wideColumns = ['p99', 'Jitter', 'Loss', 'First byte', 'Traffic', 'Bandwidth'].map((title): TableColumn => ({ title, align: 'right' }))
  const rows = nodes.map((node) => [
    node.role === 'primary' ? `${node.name} (primary)` : node.name,
    statusText(node.status, output),
    formatLatency(node.currentMs),
    formatLatency(node.roundTrips?.meanMs ?? null),
    extreme(node.roundTrips, 'min'),
    extreme(node.roundTrips, 'max'),
    formatCount(node.roundTrips?.samples ?? 0),
    node.quality === null ? missing : node.quality.toFixed(2),
    ...(isWide ? wideCells(node) : []),
  ])
  const reasons = nodes.filter(({ statusReason }) => statusReason !== null).map(({ name, statusReason }) => `${name}: ${statusReason}\n`)
  const note = isWide ? 'p99, jitter, traffic and bandwidth are of the last 10 s, loss of the last 15 s; first byte is the average of the queries that went there.\n' : ''
  return `${header}${drawTable(isWide ? [...columns, ...wideColumns] : columns, rows, output)}${note}${reasons.join('')}`
}

function wideCells({ traffic, firstBytes }: LatencyNodeView): string[] {
  return [
    formatLatency(traffic?.roundTrips.p99Ms ?? null),
    formatLatency(traffic?.jitterMs ?? null),
    formatPercent(percentOf(traffic?.packetLossRatio ?? traffic?.lossRatio ?? null)),
    firstBytes === null ? missing : `${formatDuration(firstBytes.meanMs)} of ${formatCount(firstBytes.samples)}`,
    traffic === null ? missing : `${formatBytes(traffic.bytesPerSecond)}/s`,
    traffic === null || traffic.bandwidthBytesPerSecond === null ? missing : `${formatBytes(traffic.bandwidthBytesPerSecond)}/s`,
  ]
}

function extreme(span: LatencySpanView | null, which: 'min' | 'max'): string {
  if (span === null) return missing
  return which === 'min' ? `${formatDuration(span.minMs)} at ${clockTime(span.minAtWallMs)}` : `${formatDuration(span.maxMs)} at ${clockTime(span.maxAtWallMs)}`
}

function percentOf(ratio: number | null): number | null {
  return ratio === null ? null : ratio * 100
}

/** To the second. */
function clockTime(wallMs: number): string {
  return formatTime(wallMs).slice(0, 8)
}
