import type { LatencyNodeView, LatencySpanView, LatencyView } from '../wire/control.ts'
import type { TextOutput } from './context.ts'
import { formatBytes, formatCount, formatDuration, formatLatency, formatPercent, formatTime } from './format.ts'
import { drawFittedTable, type FittedColumn } from './fitted-table.ts'
import { resample, sparkline } from './sparkline.ts'
import { statusText } from './state-text.ts'

const missing = '–'
const trendCells = 16

/** Header, a line a peer, and why one is not healthy. */
export function latencyTable({ database, sinceWallMs, thresholdMs, pointMs, nodes }: LatencyView, { isWide, output, nowWallMs }: { readonly isWide: boolean; readonly output: TextOutput; readonly nowWallMs: number }): string {
  const header = `Database: ${output.style('bold', database)}\nRound trips since ${clockTime(sinceWallMs)} (${formatDuration(Math.max(0, nowWallMs - sinceWallMs))}). Threshold: ${formatDuration(thresholdMs)}\n`
  if (nodes.length === 0) return `${header}No other node serves it.\n`
  const columns: FittedColumn[] = [
    { title: 'Peer' }, { title: 'Status' }, { title: 'Current', align: 'right' }, { title: 'Average', align: 'right' }, { title: 'Min', align: 'right', need: 5 }, { title: 'Max', align: 'right', need: 6 },
    { title: 'Samples', align: 'right', need: 1 }, { title: 'Quality', align: 'right', need: 2 },
  ]
  const wideColumns = ['p99', 'Jitter', 'Loss', 'First byte', 'Traffic', 'Bandwidth'].map((title): FittedColumn => ({ title, align: 'right', need: 3 }))
  // Bars are for eyes; programs take the points of the JSON.
  const trend = output.isTerminal ? [{ title: 'Trend', need: 4 }] : []
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
    ...trend.map(() => trendOf(node, { sinceWallMs, untilWallMs: Math.max(nowWallMs, sinceWallMs + trendCells * pointMs) })),
  ])
  const reasons = nodes.filter(({ statusReason }) => statusReason !== null).map(({ name, statusReason }) => `${name}: ${statusReason}\n`)
  const note = isWide ? 'p99, jitter, traffic and bandwidth are of the last 10 s, loss of the last 15 s; first byte is the average of the queries that went there.\n' : ''
  return `${header}${drawFittedTable([...columns, ...(isWide ? wideColumns : []), ...trend], rows, output)}${note}${reasons.join('')}`
}

/** From 0 to the greatest mean of the span; one cell is a minute at least. */
function trendOf({ points }: LatencyNodeView, { sinceWallMs, untilWallMs }: { readonly sinceWallMs: number; readonly untilWallMs: number }): string {
  const means = resample(points.map(({ atWallMs, meanMs, samples }) => ({ atMs: atWallMs, value: meanMs, weight: samples })), { fromMs: sinceWallMs, toMs: untilWallMs, cells: trendCells })
  return sparkline(means, Math.max(0, ...means.map((mean) => mean ?? 0)))
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
