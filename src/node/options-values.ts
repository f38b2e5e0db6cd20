/**
 * How values are written, alike in flags, environment and configuration file. One rule: what has a unit carries it (`30s`, `512MB`), so
 * that nobody has to know in what a bare number would be counted; a percentage is a plain number. Each reader returns null for
 * what is not of its form; ranges are judged elsewhere.
 */
import { isIP } from 'node:net'
import { readQuantity } from '../core/options/quantity.ts'
import { peerIdPattern } from '../wire/cluster.ts'

const sizeUnitsBytes = { KB: 1_000, MB: 1_000_000, GB: 1_000_000_000, TB: 1_000_000_000_000, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const numberPattern = /^-?\d+(\.\d+)?$/

export { readDuration } from '../core/options/quantity.ts'

export interface HostPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** `512MB`, `1GB`, `1.5GiB` in bytes. */
export function readSize(value: unknown): number | null {
  const bytes = readQuantity(value, sizeUnitsBytes)
  return bytes === null ? null : Math.round(bytes)
}

export function readNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'string' && numberPattern.test(value.trim()) ? Number(value) : null
}

/** `80` or `80%`. */
export function readPercent(value: unknown): number | null {
  return readNumber(typeof value === 'string' && value.endsWith('%') ? value.slice(0, -1) : value)
}

export function readSwitch(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : null
}

/** `host:port`; an IPv6 address stands in brackets. */
export function readHostPort(value: unknown): HostPort | null {
  if (typeof value !== 'string') return null
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(value) ?? []
  const port = Number(digits)
  const host = bracketed ?? plain
  if (host === undefined || !(port <= 65_535)) return null
  if (bracketed !== undefined ? isIP(bracketed) !== 6 : !isHost(host)) return null
  return { host, port }
}

/** `auto`, `off`, or an IP address and a port. */
export function readHttpListen(value: unknown): 'auto' | 'off' | HostPort | null {
  if (value === 'auto' || value === 'off') return value
  // YAML 1.1's habit, and a program's.
  if (value === false) return 'off'
  const address = readHostPort(value)
  return address !== null && isIP(address.host) !== 0 ? address : null
}

/** `host`, or `host:port`. */
export function readHost(value: unknown): { readonly host: string; readonly port: number | null } | null {
  if (typeof value !== 'string') return null
  if (isHost(value)) return { host: value, port: null }
  const bare = /^\[(.*)\]$/.exec(value)?.[1]
  if (bare !== undefined) return isIP(bare) === 6 ? { host: bare, port: null } : null
  return readHostPort(value)
}

/** A multiaddr with a TCP port, `host:port` with a port that can be dialled, or `dns:host:port` for all addresses of a name. */
export function readSeed(value: unknown): string | null {
  if (typeof value !== 'string') return null
  if (value.startsWith('/')) return /^\/(ip4|ip6|dns|dns4|dns6|dnsaddr)\/[^/\s]+(\/[^\s/]+)+$/.test(value) ? value : null
  const address = readHostPort(value.replace(/^dns:/, ''))
  // What is an address already has no other ones.
  if (value.startsWith('dns:') && address !== null && isIP(address.host) !== 0) return null
  return address !== null && address.port > 0 ? value : null
}

export function readPeerId(value: unknown): string | null {
  return typeof value === 'string' && peerIdPattern.test(value) ? value : null
}

function isHost(value: string): boolean {
  if (isIP(value) !== 0) return true
  // Digits and dots alone are a mistyped address, not a name.
  return value.length <= 253 && !/^[\d.]+$/.test(value) && /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$/.test(value)
}

/** The way back: milliseconds as a person would write them in an option. */
export function writeDuration(ms: number): string {
  for (const [unit, factor] of [['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const) {
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`
  }
  return `${ms}ms`
}

export function writeSize(bytes: number): string {
  for (const [unit, factor] of [['TB', 1e12], ['GB', 1e9], ['MB', 1e6]] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`
  }
  return `${bytes / 1000}KB`
}

/** Of URLs in a text that is shown: who mistypes a URL must not find its password in a log. */
export function maskPasswords(text: string): string {
  return text.replace(/((?:\/\/|postgres(?:ql)?:\/?)[^\s:@/"]*):[^\s"]*@/gi, '$1:…@').replace(/([?&]password=)[^\s&"]*/gi, '$1…')
}

export function writeHostPort({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
