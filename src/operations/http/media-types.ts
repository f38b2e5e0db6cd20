/** The header Accept, RFC 9110 §12.5.1. */
import { MeshError } from '../../errors.ts'

const rangesMax = 32

/**
 * The offered type that is wanted most; of equals, and without a wish, the first.
 * @throws MeshError ERR_NOT_ACCEPTABLE
 */
export function preferredType(accept: string | undefined, offered: readonly string[]): string {
  const first = offered[0] as string
  if (accept === undefined || accept.trim() === '') return first
  const ranges = accept.split(',').slice(0, rangesMax).map((text) => {
    const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    return { range, weight: Number.isNaN(weight) ? 0 : weight }
  })
  const weightOf = (type: string): number => {
    const major = `${type.slice(0, type.indexOf('/'))}/*`
    // The most precise range decides, whatever the others say.
    for (const range of [type, major, '*/*']) {
      const found = ranges.find((entry) => entry.range === range)
      if (found !== undefined) return found.weight
    }
    return 0
  }
  const best = offered.map((type) => ({ type, weight: weightOf(type) })).reduce((one, other) => (other.weight > one.weight ? other : one))
  if (best.weight > 0) return best.type
  throw new MeshError('ERR_NOT_ACCEPTABLE', `the answer cannot be written as ${accept.slice(0, 200)}`, { nextStep: `Accept one of ${offered.join(', ')}.` })
}
