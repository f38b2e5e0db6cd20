/** Dates and times as text, over the engine's whole range (290,000 years either way), where JavaScript's Date ends at 271,821. */
import type { TimeUnit } from './column-field.ts'

const DATE_INFINITY = 0x7fff_ffff
const TIMESTAMP_INFINITY = 0x7fff_ffff_ffff_ffffn
const PER_SECOND: Readonly<Record<TimeUnit, bigint>> = { second: 1n, millisecond: 1_000n, microsecond: 1_000_000n, nanosecond: 1_000_000_000n }
const SECONDS_PER_DAY = 86_400

/** `YYYY-MM-DD`; outside the years 0–9999 ISO 8601's expanded form `±YYYYYY-MM-DD`; `infinity`, `-infinity`. */
export function dateText(days: number): string {
  if (days === DATE_INFINITY) return 'infinity'
  if (days === -DATE_INFINITY) return '-infinity'
  // Civil from days (Howard Hinnant, chrono-compatible low-level date algorithms), eras of 400 years beginning on 1 March.
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${yearText(year)}-${two(month)}-${two(day)}`
}

/** `HH:MM:SS`, with a fraction of 6 (or 9) digits' trailing zeros left out, as the engine writes it. */
export function timeText(value: bigint, unit: TimeUnit): string {
  const perSecond = PER_SECOND[unit]
  const fraction = value % perSecond
  return clockText(Number(value / perSecond)) + (fraction === 0n ? '' : '.' + fraction.toString().padStart(unit === 'nanosecond' ? 9 : 6, '0').replace(/0+$/, ''))
}

/**
 * ISO 8601: `YYYY-MM-DDTHH:MM:SS`, then six digits of fraction (nine where nanoseconds ask for them) unless it is zero, then `Z` when
 * zoned.
 */
export function timestampText(value: bigint, unit: TimeUnit, zoned: boolean): string {
  if (value === TIMESTAMP_INFINITY) return 'infinity'
  if (value === -TIMESTAMP_INFINITY) return '-infinity'
  const perSecond = PER_SECOND[unit]
  let seconds = value / perSecond
  let fraction = value % perSecond
  if (fraction < 0n) {
    fraction += perSecond
    seconds -= 1n
  }
  const whole = Number(seconds)
  const days = Math.floor(whole / SECONDS_PER_DAY)
  return `${dateText(days)}T${clockText(whole - days * SECONDS_PER_DAY)}${fractionText(Number(fraction), unit)}${zoned ? 'Z' : ''}`
}

function fractionText(fraction: number, unit: TimeUnit): string {
  if (fraction === 0) return ''
  if (unit === 'millisecond') return '.' + String(fraction * 1000).padStart(6, '0')
  if (unit === 'nanosecond') return '.' + (fraction % 1000 === 0 ? String(fraction / 1000).padStart(6, '0') : String(fraction).padStart(9, '0'))
  return '.' + String(fraction).padStart(6, '0')
}

function clockText(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, '0')
  return (year < 0 ? '-' : '+') + String(Math.abs(year)).padStart(6, '0')
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
