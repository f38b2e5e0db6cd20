// What bench:startup makes of its timings: the quietest round of each command, and whether it keeps to what is asked beside a bare Node.

/** Beyond a bare node; and a query: so many times a bare node, and so much more. */
export const askedHelpBeyondMs = 150
export const askedQueryTimes = 1.5
export const askedQueryBeyondMs = 250

export function median(numbers) {
  const sorted = [...numbers].sort((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * `rounds`: of each round, by command, the times of its runs in ms; the first command is the bare node. What else runs on the machine only ever adds
 * time, so the round with the lowest median is the nearest to what a command takes.
 */
export function judge(rounds) {
  const names = Object.keys(rounds[0])
  const rows = names.map((name) => {
    const mediansMs = rounds.map((round) => median(round[name]))
    return { name, mediansMs, quietestMs: Math.min(...mediansMs) }
  })
  const bareMs = rows[0].quietestMs
  return rows.map((row) => {
    const askedMs = askedOf(row.name, bareMs)
    return { ...row, askedMs, isMet: askedMs === null || row.quietestMs <= askedMs }
  })
}

function askedOf(name, bareMs) {
  if (name === 'rdb --help') return bareMs + askedHelpBeyondMs
  return name === 'rdb db:query' ? askedQueryTimes * bareMs + askedQueryBeyondMs : null
}
