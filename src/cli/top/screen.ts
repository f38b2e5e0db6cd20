/** One screen of `rdb top`: lines that fit the terminal, whatever its size, with what matters least left out first. */
import type { Style, TextOutput } from '../context.ts'
import { formatBytes, formatDuration, formatLatency, formatPercent, formatTime } from '../format.ts'
import { cutToWidth, displayWidth, visible } from '../query/display-width.ts'
import { statusName } from '../state-text.ts'
import type { SortKey } from './order.ts'
import type { TopNode, TopRates, TopSnapshot } from './snapshot.ts'

interface Piece {
  readonly text: string
  readonly style?: Style
}

interface NodeColumn {
  readonly title: string
  readonly key?: SortKey
  readonly isRight?: boolean
  /** The least needed goes first where there is too little room. */
  readonly need: number
  readonly piece: (node: TopNode) => Piece
}

export interface ScreenView {
  readonly snapshot: TopSnapshot
  /** Already ordered. */
  readonly nodes: readonly TopNode[]
  /** The latest last; one line each. */
  readonly events: readonly string[]
  readonly sort: { readonly key: SortKey; readonly isReversed: boolean }
  /** Nodes that are scrolled past. */
  readonly offset: number
  readonly isPaused: boolean
  /** Instead of what is measured; null while the node answers. */
  readonly problem: string | null
}

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

const stateStyles = { joining: 'cyan', alive: 'green', suspect: 'yellow', failed: 'red', left: 'dim' } as const
const statusStyles = { healthy: 'green', degraded: 'yellow', unhealthy: 'red' } as const
const barCells = 8

const nodeColumns: readonly NodeColumn[] = [
  { title: 'Node', key: 'name', need: 99, piece: ({ name, isLocal }) => ({ text: visible(`${isLocal ? '● ' : '  '}${name}`) }) },
  { title: 'State', key: 'state', need: 8, piece: ({ state }) => ({ text: state, style: stateStyles[state] }) },
  { title: 'Status', key: 'status', need: 9, piece: ({ state, status, overloaded }) => (state === 'alive' || state === 'suspect' ? { text: overloaded ? 'Overloaded' : statusName(status), style: statusStyles[status] } : { text: '–' }) },
  { title: 'CPU', key: 'cpu', isRight: true, need: 7, piece: ({ cpuPercent, drill }) => ({ text: `${formatPercent(cpuPercent)}${drill ? ' drill' : ''}` }) },
  { title: '', need: 2, piece: ({ cpuPercent, overloaded }) => ({ text: bar(cpuPercent), style: overloaded ? 'yellow' : 'cyan' }) },
  { title: 'Mem', key: 'memory', isRight: true, need: 6, piece: ({ memoryPercent }) => ({ text: formatPercent(memoryPercent) }) },
  { title: 'Flight', key: 'in flight', isRight: true, need: 5, piece: ({ inFlight }) => ({ text: inFlight === null ? '–' : String(inFlight) }) },
  { title: 'Latency', key: 'latency', isRight: true, need: 7.5, piece: ({ latencyMs }) => ({ text: formatLatency(latencyMs) }) },
  { title: 'p99', isRight: true, need: 3, piece: ({ p99Ms }) => ({ text: formatLatency(p99Ms) }) },
  { title: 'Loss', isRight: true, need: 2.5, piece: ({ lossPercent }) => ({ text: formatPercent(lossPercent) }) },
  { title: 'Place', need: 1, piece: ({ place }) => ({ text: visible(place) }) },
  { title: 'Databases', need: 4, piece: ({ databases }) => ({ text: visible(databases.join(', ')) }) },
]
const gap = 2
const databasesWidthMax = 32
const eventsMin = 4

/** How many nodes one screen has room for. */
export function nodeRoom({ rows }: ScreenSize): number {
  return Math.max(1, rows - headLines - (rows >= 16 ? eventsMin + 2 : 1))
}

const headLines = 6

export function screenLines(view: ScreenView, size: ScreenSize, output: Pick<TextOutput, 'style'>): string[] {
  const { snapshot, nodes, events, sort, offset, isPaused, problem } = view
  const { columns, rows } = size
  const room = nodeRoom(size)
  const shown = nodes.slice(offset, offset + room)
  const head: Piece[][] = [
    justified([{ text: 'rdb top', style: 'bold' }, { text: `  ${visible(snapshot.name)}  version ${snapshot.version}  up ${formatDuration(snapshot.uptimeMs)}${isPaused ? '  paused' : ''}` }], formatTime(snapshot.atWallMs).slice(0, 8), columns),
    meshLine(snapshot),
    rateLine(snapshot.rates, columns),
    problem !== null ? [{ text: problem, style: 'red' }] : attentionLine(snapshot.attention),
    [],
  ]
  const table = nodeTable(shown, { sort, columns })
  const below = nodes.length - offset - shown.length
  const hidden = offset > 0 || below > 0 ? [[{ text: `  nodes ${offset + 1} to ${offset + shown.length} of ${nodes.length}: arrows up and down show the others`, style: 'dim' as const }]] : []
  const keys = [{ text: 'q leave  ←→ sort  r reverse  ↑↓ scroll  space pause', style: 'dim' as const }]
  const used = head.length + table.length + hidden.length + 1
  const eventRoom = Math.max(0, rows - used - 2)
  const recent = events.slice(-eventRoom).map((line): Piece[] => [{ text: line }])
  const eventLines: Piece[][] = rows >= 16 ? [[], [{ text: 'Events', style: 'bold' }], ...(recent.length === 0 ? [[{ text: 'none since this view began', style: 'dim' as const }]] : recent)] : []
  const lines = [...head, ...table, ...hidden, ...eventLines].slice(0, Math.max(1, rows - 1))
  while (lines.length < rows - 1) lines.push([])
  return [...lines, keys].map((pieces) => drawn(pieces, columns, output))
}

/** For a pipe: everything, once, without a bound to its width. */
export function snapshotText(snapshot: TopSnapshot, nodes: readonly TopNode[], { columns, output }: { readonly columns: number; readonly output: Pick<TextOutput, 'style'> }): string {
  const lines = [
    [{ text: `${snapshot.name}  version ${snapshot.version}  up ${formatDuration(snapshot.uptimeMs)}  ${formatTime(snapshot.atWallMs).slice(0, 8)}` }],
    meshLine(snapshot), rateLine(snapshot.rates, columns), attentionLine(snapshot.attention), ...nodeTable(nodes, { sort: null, columns: Infinity }),
  ]
  return lines.map((pieces) => `${drawn(pieces, Infinity, output)}\n`).join('')
}

function meshLine({ members, quorum, partition }: TopSnapshot): Piece[] {
  const counts = Object.entries(members).filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`)
  return [
    { text: `Members: ${counts.join(', ')}.  Quorum: ` }, quorum.hasQuorum ? { text: 'yes', style: 'green' } : { text: 'lost', style: 'red' }, { text: ` (${quorum.reachable} of ${quorum.known}).  Partition: ` },
    partition === null ? { text: 'none' } : { text: `suspected, ${partition.away} away`, style: 'red' },
  ]
}

function rateLine(rates: TopRates | null, columns: number): Piece[] {
  if (rates === null) return [{ text: 'Rates of this node: a second look is needed', style: 'dim' }]
  const { queries, local, forwarded, forPeers, failed, datagrams, datagramBytes } = rates
  const parts = columns < 100 ? [`${perSecond(forwarded)} forwarded`, `${perSecond(failed)} failed`] : [`${perSecond(local)} here`, `${perSecond(forwarded)} forwarded`, `${perSecond(failed)} failed`, `${perSecond(forPeers)} for peers`]
  return [{ text: `Queries: ${perSecond(queries)}/s (${parts.join(', ')}).  Datagrams: ${perSecond(datagrams)}/s, ${formatBytes(Math.round(datagramBytes))}/s` }]
}

function perSecond(rate: number): string {
  return rate >= 10 || rate === 0 ? Math.round(rate).toLocaleString('en-US') : rate.toFixed(1)
}

function attentionLine(sentences: readonly string[]): Piece[] {
  return sentences.length === 0 ? [{ text: 'Nothing needs attention.', style: 'green' }] : [{ text: `Attention: ${sentences.join('; ')}`, style: 'yellow' }]
}

function nodeTable(nodes: readonly TopNode[], { sort, columns }: { readonly sort: ScreenView['sort'] | null; readonly columns: number }): Piece[][] {
  const titleOf = ({ title, key }: NodeColumn): string => (sort !== null && key === sort.key ? `${title}${sort.isReversed ? '▴' : '▾'}` : title)
  const drawnColumns = nodeColumns.map((column) => {
    const pieces = nodes.map((node) => column.piece(node))
    const width = Math.max(displayWidth(titleOf(column)), ...pieces.map(({ text }) => displayWidth(text)))
    return { column, pieces, width: column.title === 'Databases' && columns < Infinity ? Math.min(width, databasesWidthMax) : width }
  })
  const total = (list: typeof drawnColumns): number => list.reduce((sum, { width }) => sum + width + gap, -gap)
  let shown = drawnColumns
  // What the nodes are ordered by is to be seen.
  const needOf = ({ need, key }: NodeColumn): number => (sort !== null && key === sort.key ? 98 : need)
  for (const { column } of drawnColumns.toSorted((left, right) => needOf(left.column) - needOf(right.column))) {
    if (total(shown) <= columns || shown.length === 1) break
    shown = shown.filter((other) => other.column !== column)
  }
  const line = (cell: (index: number) => Piece): Piece[] => shown.flatMap(({ column, width }, index) => {
    const { text, style } = cell(index)
    const cut = displayWidth(text) > width ? cutToWidth(text, width) : text
    const padding = ' '.repeat(width - displayWidth(cut))
    const space = index === 0 ? '' : ' '.repeat(gap)
    return [{ text: column.isRight === true ? `${space}${padding}` : space }, style === undefined ? { text: cut } : { text: cut, style }, { text: column.isRight === true ? '' : padding }]
  })
  const titles = line((index) => {
    const entry = shown[index]
    return { text: entry === undefined ? '' : titleOf(entry.column), style: 'bold' }
  })
  return [titles, ...nodes.map((_, row) => line((index) => shown[index]?.pieces[row] ?? { text: '' }))]
}

function bar(percent: number | null): string {
  if (percent === null) return ''
  const cells = Math.round((Math.min(100, Math.max(0, percent)) / 100) * barCells)
  return `${'█'.repeat(cells)}${'░'.repeat(barCells - cells)}`
}

function justified(left: readonly Piece[], right: string, columns: number): Piece[] {
  const used = left.reduce((sum, { text }) => sum + displayWidth(text), 0)
  const space = columns - used - displayWidth(right)
  return space < 1 ? [...left] : [...left, { text: `${' '.repeat(space)}${right}` }]
}

/** Cut at the edge: a line that wraps would push the others off. */
function drawn(pieces: readonly Piece[], columns: number, { style: color }: Pick<TextOutput, 'style'>): string {
  let left = columns
  let line = ''
  for (const { text, style } of pieces) {
    if (left <= 0) break
    const width = displayWidth(text)
    const shown = width <= left ? text : cutToWidth(text, left)
    left -= width
    line += style === undefined || shown === '' ? shown : color(style, shown)
  }
  return line.trimEnd()
}
