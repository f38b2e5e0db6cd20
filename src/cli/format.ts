/** How figures are written for people: one place, so that all commands agree. */

import { formatDuration } from '../node/duration-text.ts'

export { formatDuration }

export function formatPercent(percent: number | null): string {
  return percent === null ? '–' : `${Math.round(percent)}%`
}

/** A share of a total, for summaries. */
export function formatShare(part: number, total: number): string {
  return `${part} (${total === 0 ? 0 : Math.round((part / total) * 100)}%)`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `512 B`, `1.2 kB`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000
  return `${value < 9.95 ? Number(value.toFixed(1)) : Math.round(value)} ${units[unit] ?? ''}`
}

export function formatLatency(ms: number | null): string {
  return ms === null ? '–' : formatDuration(ms)
}

/** `3s ago`; a clock that differs a little between processes never shows the future. */
export function formatAge(thenWallMs: number | null, nowWallMs: number): string {
  if (thenWallMs === null) return '–'
  const ageMs = Math.max(0, nowWallMs - thenWallMs)
  return ageMs < 1_000 ? 'now' : `${formatDuration(Math.floor(ageMs / 1000) * 1000)} ago`
}

/** Local time to the millisecond. */
export function formatTime(wallMs: number): string {
  const date = new Date(wallMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** The end of a PeerId, which is where Ed25519 ids differ. */
export function shortPeerId(peerId: string): string {
  return peerId.length <= 9 ? peerId : `…${peerId.slice(-8)}`
}

/** `10.0.0.1:7400` of a multiaddr; one of another form as it is. */
export function formatAddress(multiaddr: string): string {
  const [, family, host, port] = /^\/(ip4|ip6|dns\w*)\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/[^/]+)?$/.exec(multiaddr) ?? []
  if (host === undefined || port === undefined) return multiaddr
  return family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
}
