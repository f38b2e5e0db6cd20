/** Figures as people write them: with their unit, so that nobody has to know in what a bare number would be counted. */

const durationUnitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** `500ms`, `30s`, `2m`, `1h` in milliseconds; null for what is not of that form. */
export function readDuration(value: unknown): number | null {
  return readQuantity(value, durationUnitsMs)
}

/** Digits and one of the units; null for what is not of that form. */
export function readQuantity(value: unknown, units: Readonly<Record<string, number>>): number | null {
  const [, digits, unit] = typeof value === 'string' ? (/^(\d+(?:\.\d+)?)\s?([A-Za-z]+)$/.exec(value.trim()) ?? []) : []
  const factor = unit === undefined || !Object.hasOwn(units, unit) ? undefined : units[unit]
  return digits === undefined || factor === undefined ? null : Number(digits) * factor
}
