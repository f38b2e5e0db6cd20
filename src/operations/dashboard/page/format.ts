/** Figures as people read them. Null is a dash: not known. */

export const UNKNOWN = '–'

/** Three significant digits at most: "0.31 ms", "12.4 ms", "1.25 s". */
export function formatMs(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return UNKNOWN
  if (ms >= 1000) return ms >= 60_000 ? formatSpan(ms) : `${rounded(ms / 1000)} s`
  return `${rounded(ms)} ms`
}

function rounded(value: number): string {
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

export function formatPercent(percent: number | null): string {
  return percent === null ? UNKNOWN : `${percent.toFixed(0)} %`
}

/** "12 %" of 0.12; of a few in a thousand that there are some. */
export function formatShare(ratio: number): string {
  return ratio > 0 && ratio < 0.005 ? '< 1 %' : formatPercent(ratio * 100)
}

export function formatRate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond >= 10 ? perSecond.toFixed(1) : perSecond === 0 ? '0' : perSecond.toFixed(2)
}

export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** "12 s", "5 min", "3 h 20 min", "2 d 4 h". */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Time of day at the reader's, 24 hours. */
export function formatClock(wallMs: number): string {
  const at = new Date(wallMs)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** The end of a PeerId tells peers apart; its beginning is the same for all. */
export function shortPeerId(peerId: string): string {
  return peerId.length <= 10 ? peerId : `…${peerId.slice(-8)}`
}

/** "lyon/r2"; "lyon" where no rack is said. What a node is told nothing of is called default. */
export function formatPlace(place: string): string {
  return place.split('/').filter((part) => part !== '' && part !== 'default').join('/') || UNKNOWN
}

/** One line of a statement. */
export function oneLine(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim()
}

/** A cell of a result. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
