import type * as z from 'zod'
import { MeshError } from '../../errors.ts'

/** What stands behind the question mark. @throws MeshError ERR_REQUEST_INVALID */
export function readParameters<T>(schema: z.ZodType<T>, query: unknown): T {
  const outcome = schema.safeParse(query)
  if (outcome.success) return outcome.data
  throw new MeshError('ERR_REQUEST_INVALID', outcome.error.issues.map(({ path, message }) => `the parameter${path.length === 0 ? 's' : ` ${path.join('.')}`}: ${message}`).join('; ').slice(0, 1_000))
}
