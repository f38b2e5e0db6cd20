/**
 * A service time in a single byte of a datagram: 1 to 127 on a scale of logarithms, from 0.1 ms to more than 10 minutes in steps of 13 %. Who compares them
 * looks for multiples, so finer steps would say nothing more. 0: not known.
 */
const leastMs = 0.1
const stepsPerOctave = 5.6
const codeMax = 127

export function serviceTimeCode(serviceMs: number | null | undefined): number {
  if (serviceMs === null || serviceMs === undefined || !(serviceMs >= 0)) return 0
  return Math.min(codeMax, 1 + Math.round(stepsPerOctave * Math.log2(Math.max(1, serviceMs / leastMs))))
}

/** Null: not known, or a code that is none. */
export function serviceTimeMs(code: number): number | null {
  return Number.isInteger(code) && code >= 1 && code <= codeMax ? leastMs * 2 ** ((code - 1) / stepsPerOctave) : null
}
