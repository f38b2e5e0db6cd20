/** What a finished query leaves behind must be freed by minor collections: see query-table.ts and `HandlerContext`. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { QueryHandler, QueryResponse } from '../../../src/query/types.ts'
import { createPlane, localRoute, readAll, request } from '../../support/query-plane.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void

// Not the rig's response: its generator, declared anew for each query, is just such a thing that only a full collection frees.
async function* oneBatch(): AsyncGenerator<{ rows: number; bytes: Uint8Array }, void, void> {
  yield { rows: 1, bytes: new Uint8Array(10) }
}
const handler: QueryHandler = (_request, { signal }) => {
  const response: QueryResponse = { format: 'raw', header: new Uint8Array(0), route: localRoute(), batches: oneBatch(), trailer: () => null }
  return signal.aborted ? Promise.reject(signal.reason as Error) : Promise.resolve(response)
}

it('frees finished queries without a collection of the whole heap', async () => {
  const { client } = createPlane(handler)
  const rounds = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round++) {
      // Half of a round's queries outlive a minor collection, as in a process that is never without one.
      const early = Array.from({ length: 32 }, async () => readAll(await client.query('t', request())))
      await Promise.race(early)
      collect({ type: 'minor' })
      await Promise.all([...early, ...Array.from({ length: 32 }, async () => readAll(await client.query('t', request())))])
    }
  }
  await rounds(30)
  collect({ type: 'major' })
  const before = process.memoryUsage().heapUsed
  await rounds(100)
  collect({ type: 'minor' })
  collect({ type: 'minor' })
  const bytesPerQuery = (process.memoryUsage().heapUsed - before) / 6400
  expect(bytesPerQuery).toBeLessThan(500)
})
