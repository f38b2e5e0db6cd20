/**
 * Round trips over time as an SVG that stands by itself: a line a peer (the mean), a band from its least to its greatest, the threshold where it is
 * near. It reads on light and on dark grounds, in colours that the colour-blind can tell apart (Okabe and Ito), and in dashes after the eighth peer.
 */
import { scaleLinear, scaleTime } from 'd3-scale'
import { area, line } from 'd3-shape'
import type { LatencyNodeView, LatencyPointView, LatencyView } from '../wire/control.ts'
import { formatDuration, formatTime } from './format.ts'

const width = 960
const height = 400
const margin = { top: 48, right: 190, bottom: 44, left: 64 }
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#7a7a00', '#7f7f7f'] as const
const dashes = ['', '6 3', '2 3'] as const
/** More lines than that no eye tells apart. */
export const CHART_PEERS_MAX = colors.length * dashes.length
const legendLinePx = 16
const legendNameCharacters = 20

interface Series {
  readonly node: LatencyNodeView
  readonly color: string
  readonly dash: string
  /** Without the gaps between them. */
  readonly runs: ReadonlyArray<readonly LatencyPointView[]>
}

export function latencyChart(view: LatencyView, { nowWallMs }: { readonly nowWallMs: number }): string {
  const { database, sinceWallMs, pointMs, nodes, thresholdMs } = view
  const series = nodes.slice(0, CHART_PEERS_MAX).map((node, index): Series => ({
    node, color: colors[index % colors.length] ?? colors[0], dash: dashes[Math.floor(index / colors.length)] ?? '', runs: runsOf(node.points, pointMs),
  }))
  const greatestMs = Math.max(0, ...series.flatMap(({ node }) => node.points.map(({ maxMs }) => maxMs)))
  // A threshold far above all that was measured would press it into the ground line.
  const showsThreshold = thresholdMs <= 2 * greatestMs
  const x = scaleTime([new Date(sinceWallMs), new Date(Math.max(nowWallMs, sinceWallMs + pointMs))], [margin.left, width - margin.right])
  const y = scaleLinear([0, Math.max(showsThreshold ? thresholdMs * 1.1 : 0, greatestMs, 0.001)], [height - margin.bottom, margin.top]).nice()
  const middle = ({ atWallMs }: LatencyPointView): number => x(atWallMs + Math.min(pointMs, Math.max(0, nowWallMs - atWallMs)) / 2)
  const mean = line<LatencyPointView>(middle, ({ meanMs }) => y(meanMs)).digits(1)
  const band = area<LatencyPointView>(middle, ({ minMs }) => y(minMs), ({ maxMs }) => y(maxMs)).digits(1)
  const bottom = height - margin.bottom
  const right = width - margin.right
  const yTicks = y.ticks(6).map((value) => `<line class="grid" x1="${margin.left}" x2="${right}" y1="${px(y(value))}" y2="${px(y(value))}"/><text x="${margin.left - 8}" y="${px(y(value))}" dy="0.32em" text-anchor="end">${escape(y.tickFormat(6)(value))}</text>`)
  const formatTick = x.tickFormat(8)
  const xTicks = x.ticks(8).map((date) => `<line class="axis" x1="${px(x(date))}" x2="${px(x(date))}" y1="${bottom}" y2="${bottom + 5}"/><text x="${px(x(date))}" y="${bottom + 20}" text-anchor="middle">${escape(tickText(date, formatTick))}</text>`)
  const lines = series.map(({ node, color, dash, runs }) => `<g><title>${escape(summaryOf(node))}</title>${runs.map((run) => runOf(run, { color, dash, mean, band, middle, y })).join('')}</g>`)
  const threshold = showsThreshold ? `<line class="threshold" x1="${margin.left}" x2="${right}" y1="${px(y(thresholdMs))}" y2="${px(y(thresholdMs))}"/><text x="${right - 4}" y="${px(y(thresholdMs) - 5)}" text-anchor="end">threshold ${escape(formatDuration(thresholdMs))}</text>` : ''
  const legend = series.map(({ node, color, dash }, index) => legendLine(node, { color, dash, index }))
  const more = nodes.length > series.length ? `<text x="${right + 16}" y="${margin.top + 8 + series.length * legendLinePx}">and ${nodes.length - series.length} more</text>` : ''
  const title = `Round trips to the nodes of ${database}`
  const span = `${clock(sinceWallMs)} to ${clock(nowWallMs)}`
  const nothing = greatestMs === 0 ? `<text x="${(margin.left + right) / 2}" y="${height / 2}" text-anchor="middle">Nothing was measured in this time.</text>` : ''
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12">
<title id="title">${escape(title)}, ${span}</title>
<desc id="desc">${escape(nodes.length === 0 ? 'No other node serves it.' : nodes.map(summaryOf).join(' '))}</desc>
<style>
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1f2328; --soft: #d0d7de }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #e6edf3; --soft: #30363d } }
text { fill: var(--ink) } .ground { fill: var(--ground) } .grid { stroke: var(--soft) } .axis { stroke: var(--ink) } .threshold { stroke: var(--ink); stroke-dasharray: 4 4; opacity: 0.7 } .mean { fill: none; stroke-width: 1.75; stroke-linejoin: round }
</style>
<rect class="ground" width="${width}" height="${height}"/>
<text x="${margin.left}" y="20" font-size="15" font-weight="600">${escape(title)}</text>
<text x="${margin.left}" y="37">${span}; mean, least and greatest of ${escape(formatDuration(pointMs))} each, in ms</text>
<g aria-hidden="true">
${yTicks.join('\n')}
<line class="axis" x1="${margin.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${xTicks.join('\n')}
</g>
${threshold}
${lines.join('\n')}
${nothing}
<g>
${legend.join('\n')}
${more}
</g>
</svg>
`
}

interface Drawing {
  readonly color: string
  readonly dash: string
  readonly mean: (points: LatencyPointView[]) => string | null
  readonly band: (points: LatencyPointView[]) => string | null
  readonly middle: (point: LatencyPointView) => number
  readonly y: (ms: number) => number
}

function runOf(run: readonly LatencyPointView[], { color, dash, mean, band, middle, y }: Drawing): string {
  const [first] = run
  // One point makes no line.
  if (first !== undefined && run.length === 1) {
    const at = px(middle(first))
    return `<line x1="${at}" x2="${at}" y1="${px(y(first.minMs))}" y2="${px(y(first.maxMs))}" stroke="${color}" opacity="0.4"/><circle cx="${at}" cy="${px(y(first.meanMs))}" r="2.5" fill="${color}"/>`
  }
  return `<path d="${band([...run]) ?? ''}" fill="${color}" opacity="0.15"/><path class="mean" d="${mean([...run]) ?? ''}" stroke="${color}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`
}

function legendLine({ name, role }: LatencyNodeView, { color, dash, index }: { readonly color: string; readonly dash: string; readonly index: number }): string {
  const x = width - margin.right + 16
  const y = margin.top + 4 + index * legendLinePx
  const shown = name.length > legendNameCharacters ? `${name.slice(0, legendNameCharacters - 1)}…` : name
  return `<line x1="${x}" x2="${x + 18}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="2.5"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/><text x="${x + 24}" y="${y}" dy="0.32em">${escape(shown)}${role === 'primary' ? ' ★' : ''}</text>`
}

function summaryOf({ name, status, roundTrips }: LatencyNodeView): string {
  if (roundTrips === null) return `${name}: ${status}, nothing measured.`
  const { meanMs, minMs, maxMs, minAtWallMs, maxAtWallMs } = roundTrips
  return `${name}: ${status}, average ${formatDuration(meanMs)}, least ${formatDuration(minMs)} at ${clock(minAtWallMs)}, greatest ${formatDuration(maxMs)} at ${clock(maxAtWallMs)}.`
}

/** Where a point is missing, nothing was measured: no line may lead across. */
function runsOf(points: readonly LatencyPointView[], pointMs: number): LatencyPointView[][] {
  const runs: LatencyPointView[][] = []
  let last: LatencyPointView | null = null
  for (const point of points) {
    const run = runs.at(-1)
    if (run !== undefined && last !== null && point.atWallMs - last.atWallMs < 1.5 * pointMs) run.push(point)
    else runs.push([point])
    last = point
  }
  return runs
}

/** As the tables write times; days as d3 has them. */
function tickText(date: Date, format: (date: Date) => string): string {
  return date.getHours() === 0 && date.getMinutes() === 0 ? format(date) : clock(date.getTime()).slice(0, date.getSeconds() === 0 ? 5 : 8)
}

function clock(wallMs: number): string {
  return formatTime(wallMs).slice(0, 8)
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Control characters have no form in XML. */
function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
}
