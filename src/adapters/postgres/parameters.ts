import { MeshError } from '../../errors.ts'
import type { QueryValue } from '../../ports/query-engine.ts'

/**
 * As text, whose type the server infers from where it stands; a blob as bytes. The client would write a Date in the node's own zone.
 *
 * @throws MeshError ERR_SQL
 */
export function parameterValues(parameters: readonly QueryValue[]): Array<string | Buffer | null> {
  return parameters.map((value, index) => {
    if (value === null || typeof value === 'string') return value
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw new MeshError('ERR_SQL', `parameter ${index + 1} is an invalid date`, { details: { kind: 'Parameter', parameter: index + 1, started: 'no' } })
      return timestampText(value)
    }
    return Object.is(value, -0) ? '-0' : String(value)
  })
}

/** Years outside 1–9999 in PostgreSQL's way, which has no sign and no year 0. */
function timestampText(value: Date): string {
  const year = value.getUTCFullYear()
  const rest = value.toISOString().replace(/^[+-]?\d+/, '')
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}
