import type { QueryValue } from '../../ports/query-engine.ts'

/**
 * The value of a `--param`. A JSON number, true, false, null or quoted string is what it says; anything else is a text as it stands, so
 * `--param 5` is a number, `--param '"5"'` and `--param five` are texts. Whole numbers beyond 2^53 keep every digit.
 */
export function parseParameter(text: string): QueryValue {
  if (/^-?(?:0|[1-9]\d*)$/.test(text)) {
    const value = Number(text)
    return Number.isSafeInteger(value) ? value : BigInt(text)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return text
  }
  return typeof parsed === 'object' && parsed !== null ? text : (parsed as QueryValue)
}
