/** Numeric options with a default and a range, checked once when a machine is built. Nothing is clamped. */
import { MeshError } from '../../errors.ts'

export interface OptionRange {
  readonly unit: 'ms' | 'percent' | 'count' | 'ratio' | 'per-second'
  readonly min: number
  readonly max: number
  readonly default: number
  /** What it is, then what rises and what falls when it grows. */
  readonly description: string
}

/**
 * Completes `input` from the defaults of `ranges` and freezes it; `component` names the options in messages.
 *
 * @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID
 */
export function completeOptions<Name extends string>(
  component: string, ranges: Readonly<Record<Name, OptionRange>>, input: Readonly<Partial<Record<Name, number>>>,
): Readonly<Record<Name, number>> {
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(ranges, name)) throw new MeshError('ERR_OPTION_UNKNOWN', `${component}.${name} is not an option`)
  }
  const complete = {} as Record<Name, number>
  for (const name of Object.keys(ranges) as Name[]) {
    const { unit, min, max, default: standard } = ranges[name]
    const value = input[name] ?? standard
    const wrongForm = !Number.isFinite(value) || (unit === 'count' && !Number.isInteger(value))
    if (wrongForm || value < min || value > max) {
      throw new MeshError('ERR_OPTION_INVALID', `${component}.${name} is ${String(value)}; it must be ${unit === 'count' ? 'an integer' : 'a number'} from ${min} to ${max}`)
    }
    complete[name] = value
  }
  return Object.freeze(complete)
}
