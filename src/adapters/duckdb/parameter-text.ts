/**
 * Dates and times as results write them (`wire/results/calendar.ts`), in the engine's own words. It would round away or ignore what its type has
 * no place for: digits behind the last one kept, a zone on a timestamp without, no zone on one with. Those are refused.
 */
export type TextKind =
  | { readonly form: 'date' | 'interval' | 'integer' }
  | { readonly form: 'time' | 'zoned-time' | 'timestamp' | 'zoned-timestamp'; readonly digits: number }

const DATE = String.raw`([+-]?)(\d{4,7})-(\d\d-\d\d)`
const CLOCK = String.raw`(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?`
const ZONE = String.raw`(Z|[+-]\d\d(?::\d\d(?::\d\d)?)?)`
const PATTERNS = {
  date: new RegExp(`^${DATE}$`),
  // Beside ISO's T, a blank, as SQL has it.
  timestamp: new RegExp(`^${DATE}[T ]${CLOCK}$`),
  zonedTimestamp: new RegExp(`^${DATE}[T ]${CLOCK}${ZONE}$`),
  time: new RegExp(`^${CLOCK}$`),
  zonedTime: new RegExp(`^${CLOCK}${ZONE}$`),
} as const
const INFINITE = /^-?infinity$/
const INTEGER = /^-?[0-9]{1,10000}$/
const INTERVAL = /^[-+0-9a-zA-Z:. ]{1,200}$/

/** Null for what is not of the form, or could not be kept as it is. */
export function exactText(kind: TextKind, text: string): string | null {
  switch (kind.form) {
    case 'date': {
      if (INFINITE.test(text)) return text
      const match = PATTERNS.date.exec(text)
      return match === null ? null : dateText(match)
    }
    case 'timestamp':
    case 'zoned-timestamp': {
      if (INFINITE.test(text)) return text
      const match = (kind.form === 'timestamp' ? PATTERNS.timestamp : PATTERNS.zonedTimestamp).exec(text)
      if (match === null) return null
      const [, , , , clock, fraction, zone] = match
      const clockWithFraction = clockText(clock as string, fraction, kind.digits)
      return clockWithFraction === null ? null : `${dateText(match)} ${clockWithFraction}${zoneText(zone)}`
    }
    case 'time':
    case 'zoned-time': {
      const match = (kind.form === 'time' ? PATTERNS.time : PATTERNS.zonedTime).exec(text)
      if (match === null) return null
      const [, clock, fraction, zone] = match
      const clockWithFraction = clockText(clock as string, fraction, kind.digits)
      return clockWithFraction === null ? null : clockWithFraction + zoneText(zone)
    }
    case 'interval':
      return INTERVAL.test(text) && !/\.\d{7}/.test(text) ? text : null
    case 'integer':
      return INTEGER.test(text) ? text : null
  }
}

/** The engine has years before Christ where ISO 8601 has negative ones, and a year 0. */
function dateText([, sign, year, rest]: readonly (string | undefined)[]): string {
  const astronomical = Number(`${sign === '-' ? '-' : ''}${year as string}`)
  return astronomical > 0 ? `${String(astronomical).padStart(4, '0')}-${rest}` : `${String(1 - astronomical).padStart(4, '0')}-${rest} (BC)`
}

function clockText(clock: string, fraction: string | undefined, digits: number): string | null {
  const kept = fraction?.replace(/0+$/, '') ?? ''
  if (kept.length > digits) return null
  return kept === '' ? clock : `${clock}.${kept}`
}

function zoneText(zone: string | undefined): string {
  return zone === undefined ? '' : zone === 'Z' ? '+00' : zone
}
