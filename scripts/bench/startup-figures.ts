// What bench:startup makes of its timings: the quietest round of each command, and whether it keeps to what is asked beside a bare Node.

/** Beyond a bare node; and a query: so many times a bare node, and so much more. */
export const askedHelpBeyondMs = 150
export const askedQueryTimes = 1.5
export const askedQueryBeyondMs = 250

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  const [below = 0, above = 0] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? above : (below + above) / 2
}

export interface StartupRow {
  readonly name: string
  readonly mediansMs: readonly number[]
  readonly quietestMs: number
  /** Null where nothing is asked. */
  readonly askedMs: number | null
  readonly isMet: boolean
}

/**
 * `rounds`: of each round, by command, the times of its runs in ms; the first command is the bare node. What else runs on the machine only ever adds
 * time, so the round with the lowest median is the nearest to what a command takes.
 */
export function judge(rounds: ReadonlyArray<Readonly<Record<string, readonly number[]>>>): StartupRow[] {
  const names = Object.keys(rounds[0] ?? {})
  const rows = names.map((name) => {
    const mediansMs = rounds.map((round) => median(round[name] ?? []))
    return { name, mediansMs, quietestMs: Math.min(...mediansMs) }
  })
  const bareMs = rows[0]?.quietestMs ?? 0
  return rows.map((row) => {
    const askedMs = askedOf(row.name, bareMs)
    return { ...row, askedMs, isMet: askedMs === null || row.quietestMs <= askedMs }
  })
}

function askedOf(name: string, bareMs: number): number | null {
  if (name === 'rdb --help') return bareMs + askedHelpBeyondMs
  return name === 'rdb db:query' ? askedQueryTimes * bareMs + askedQueryBeyondMs : null
}
