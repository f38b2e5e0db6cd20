/** What was measured, beside what is asked, and the table of it. */
import type { TextOutput } from '../../src/cli/context.ts'
import { drawTable } from '../../src/cli/table.ts'
import type { System } from './programs.ts'

export type Unit = 'ms' | 'count' | '%' | 'B/s' | 'MB'

export interface Figure {
  readonly name: string
  /** Infinity when it did not come to an end in time. */
  readonly value: number
  readonly unit: Unit
  /** Of this project, at most; `serf`: at most serf's own figure of the same run. */
  readonly asked?: number | 'serf'
}

export type Verdict = 'met' | 'MISSED' | 'not compared' | ''

export interface Row {
  readonly name: string
  readonly unit: Unit
  readonly asked: number | 'serf' | null
  readonly mesh: number | null
  readonly serf: number | null
  readonly verdict: Verdict
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[upper] ?? NaN : ((sorted[upper - 1] ?? NaN) + (sorted[upper] ?? NaN)) / 2
}

export function worst(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

export function compare(figures: ReadonlyMap<System, readonly Figure[]>): Row[] {
  const [ours, theirs] = [figures.get('mesh') ?? [], figures.get('serf') ?? []]
  const byName = new Map([...theirs, ...ours].map((figure) => [figure.name, figure]))
  const order = [...new Set([...ours, ...theirs].map(({ name }) => name))]
  return order.flatMap((name) => {
    const figure = byName.get(name)
    if (figure === undefined) return []
    const valueIn = (list: readonly Figure[]): number | null => list.find((one) => one.name === name)?.value ?? null
    const [mesh, serf] = [valueIn(ours), valueIn(theirs)]
    const { unit, asked = null } = figure
    return [{ name, unit, asked, mesh, serf, verdict: verdictOf({ mesh, serf, asked }) }]
  })
}

function verdictOf({ mesh, serf, asked }: Pick<Row, 'mesh' | 'serf' | 'asked'>): Verdict {
  if (mesh === null || asked === null) return ''
  const limit = asked === 'serf' ? serf : asked
  if (limit === null) return 'not compared'
  return mesh <= limit ? 'met' : 'MISSED'
}

export function drawRows(rows: readonly Row[]): string {
  const columns = [{ title: 'figure' }, { title: 'asked', align: 'right' }, { title: 'this project', align: 'right' }, { title: 'serf', align: 'right' }, { title: 'verdict' }] as const
  const cells = rows.map(({ name, unit, asked, mesh, serf, verdict }) => [name, asked === null ? '' : asked === 'serf' ? "at most serf's" : `at most ${text(asked, unit)}`, text(mesh, unit), text(serf, unit), verdict])
  return drawTable(columns, cells, plainOutput)
}

/** A table goes into files and logs, so it is never coloured. */
const plainOutput: TextOutput = { isTerminal: false, columns: () => 80, rows: () => 24, write: () => Promise.resolve(), style: (_style, value) => value }

function text(value: number | null, unit: Unit): string {
  if (value === null) return ''
  if (!Number.isFinite(value)) return 'never'
  const digits = unit === '%' ? 2 : unit === 'MB' ? 1 : 0
  return `${value.toFixed(digits)}${unit === 'count' ? '' : ` ${unit}`}`
}
