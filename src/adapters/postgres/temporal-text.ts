/** Dates and times out of PostgreSQL's ISO output, as the wire counts them. */

const DATE_INFINITY = 0x7fff_ffff
const TIMESTAMP_INFINITY = 0x7fff_ffff_ffff_ffffn
const MICROS_PER_DAY = 86_400_000_000n

const DATE = /^(\d{4,})-(\d\d)-(\d\d)( BC)?$/
const TIMESTAMP = /^(\d{4,})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\+00)?( BC)?$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** Days since 1970-01-01. @throws RangeError */
export function daysOf(text: string): number {
  if (text === 'infinity') return DATE_INFINITY
  if (text === '-infinity') return -DATE_INFINITY
  const [, year, month, day, era] = DATE.exec(text) ?? []
  if (year === undefined) throw new RangeError(`not a date: ${text}`)
  return daysFromCivil(era === undefined ? Number(year) : 1 - Number(year), Number(month), Number(day))
}

/** Microseconds since midnight; 24:00:00 is one of its values. @throws RangeError */
export function microsOfDay(text: string): bigint {
  const [, hours, minutes, seconds, fraction = ''] = TIME.exec(text) ?? []
  if (hours === undefined) throw new RangeError(`not a time: ${text}`)
  return BigInt((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000 + Number(fraction.padEnd(6, '0')))
}

/** Microseconds since 1970-01-01T00:00:00, of a session whose zone is UTC. @throws RangeError */
export function microsOfTimestamp(text: string): bigint {
  if (text === 'infinity') return TIMESTAMP_INFINITY
  if (text === '-infinity') return -TIMESTAMP_INFINITY
  const [, year, month, day, time, era] = TIMESTAMP.exec(text) ?? []
  if (year === undefined || time === undefined) throw new RangeError(`not a timestamp: ${text}`)
  const days = daysFromCivil(era === undefined ? Number(year) : 1 - Number(year), Number(month), Number(day))
  const micros = BigInt(days) * MICROS_PER_DAY + microsOfDay(time)
  // PostgreSQL counts from 2000: its last thirty years are beyond 64 bits from 1970.
  if (micros >= TIMESTAMP_INFINITY) throw new RangeError(`later than the year 294246: ${text}`)
  return micros
}

/** Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil: years begin on 1 March, eras have 400 of them. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const yearOfEra = shiftedYear - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
