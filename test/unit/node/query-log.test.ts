import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { QueryLog, QUERY_LOG_SIZE } from '../../../src/node/query-log.ts'
import type { QueryHandler } from '../../../src/query/types.ts'
import type { QueryRecord } from '../../../src/wire/operations-views.ts'
import { batchesOf, localRoute, request, respond, VirtualClock } from '../../support/query-plane.ts'

const context = (signal = new AbortController().signal) => ({ remote: { kind: 'local-client' } as const, signal })

function logOf(handler: QueryHandler, mode: 'full' | 'redacted' | 'off' = 'full') {
  const clock = new VirtualClock()
  const ended: QueryRecord[] = []
  const log = new QueryLog({ clock, mode, self: { peerId: 'self', name: 'me' }, nameOf: (peerId) => `name of ${peerId}`, onEnd: (record) => { ended.push(record) } })
  return { clock, ended, log, handle: log.watched(handler) }
}

const answering: QueryHandler = async (_request, { watch }) => {
  watch?.handleClassified('read', 'high')
  watch?.handleDecision('local', 42, { reason: 'below its thresholds', strategy: 'nearest' })
  return { ...respond(batchesOf(3, 10)), route: { ...localRoute('me'), reason: 'below its thresholds' } }
}

async function readAll(batches: AsyncIterable<unknown>): Promise<void> {
  const iterator = batches[Symbol.asyncIterator]()
  while ((await iterator.next()).done !== true);
}

describe('QueryLog', () => {
  it('tells a query when its last batch is read, and not before', async () => {
    const { handle, ended, clock, log } = logOf(answering)
    const response = await handle(request({ sql: 'SELECT 1', database: 'users' }), context())
    clock.advance(20)
    expect(ended).toEqual([])
    await readAll(response.batches)
    expect(ended).toMatchObject([{
      id: 1, database: 'users', sql: 'SELECT 1', access: 'read', priority: 'high', sentBy: null, decision: 'local', executedBy: { name: 'me' }, reason: 'below its thresholds', decisionUs: 42,
      rows: 30, outcome: 'ok', code: null, durationMs: 20, firstAnswerMs: 0, traceId: null,
    }])
    expect(log.recent()).toEqual(ended)
  })

  it('tells a refusal with its code and the reason of the decision', async () => {
    const { handle, ended } = logOf(async (_request, { watch }) => {
      watch?.handleDecision('refuse', 7, { reason: 'all are gone', strategy: 'nearest' })
      throw new MeshError('ERR_NO_HEALTHY_PEER', 'all are gone')
    })
    await expect(handle(request(), context())).rejects.toThrow('all are gone')
    expect(ended).toMatchObject([{ decision: 'refused', reason: 'all are gone', executedBy: null, outcome: 'error', code: 'ERR_NO_HEALTHY_PEER', firstAnswerMs: null }])
  })

  it('tells what failed before a decision', async () => {
    const { handle, ended } = logOf(async () => { throw new MeshError('ERR_SQL', 'syntax') })
    await expect(handle(request(), context())).rejects.toThrow()
    expect(ended).toMatchObject([{ decision: 'failed', decisionUs: null, code: 'ERR_SQL' }])
  })

  it('tells one that breaks after its first batch as an error, once', async () => {
    async function* broken() {
      yield { bytes: new Uint8Array(1), rows: 1 }
      throw new MeshError('ERR_QUERY_BROKEN', 'gone')
    }
    const { handle, ended } = logOf(async () => respond(broken()))
    const response = await handle(request(), context())
    await expect(readAll(response.batches)).rejects.toThrow('gone')
    expect(ended).toMatchObject([{ outcome: 'error', code: 'ERR_QUERY_BROKEN', rows: 1 }])
  })

  it('tells one that its reader left as cancelled', async () => {
    const { handle, ended } = logOf(answering)
    const response = await handle(request(), context())
    const batches = response.batches[Symbol.asyncIterator]()
    await batches.next()
    await batches.return?.()
    expect(ended).toMatchObject([{ outcome: 'cancelled', code: null, rows: 10 }])
  })

  it('names the peer that sent it', async () => {
    const { handle, ended } = logOf(answering)
    await readAll((await handle(request({ visited: ['p1'] }), context())).batches)
    expect(ended).toMatchObject([{ sentBy: 'name of p1' }])
  })

  it('keeps no text when it is told not to, and nothing when it is off; whoever looks on is told all the same', async () => {
    const redacted = logOf(answering, 'redacted')
    await readAll((await redacted.handle(request({ sql: 'SELECT secret' }), context())).batches)
    expect(redacted.log.recent()).toMatchObject([{ sql: '' }])
    const off = logOf(answering, 'off')
    await readAll((await off.handle(request({ sql: 'SELECT secret' }), context())).batches)
    expect([off.log.recent(), off.ended.length, off.ended[0]?.sql]).toEqual([[], 1, ''])
  })

  it('is bounded in number and in text', async () => {
    const { handle, log } = logOf(answering)
    for (let i = 0; i < QUERY_LOG_SIZE + 5; i++) await readAll((await handle(request({ sql: 'x'.repeat(5_000) }), context())).batches)
    expect(log.recent()).toHaveLength(QUERY_LOG_SIZE)
    expect(log.recent()[0]).toMatchObject({ id: 6, sql: 'x'.repeat(1_000) })
  })

  it('leaves begin, commit and rollback out', async () => {
    const { handle, ended } = logOf(answering)
    await readAll((await handle(request({ transaction: { id: '0'.repeat(32), step: 'commit' } }), context())).batches)
    await readAll((await handle(request({ transaction: { id: '0'.repeat(32), step: 'statement' } }), context())).batches)
    expect(ended).toHaveLength(1)
  })
})

describe('a query that its caller left', () => {
  it('was at the peer that was asked last', async () => {
    const controller = new AbortController()
    const { handle, ended } = logOf(async (_request, { watch }) => {
      watch?.handleDecision('forward', 5, { reason: 'busy here', strategy: 'nearest' })
      watch?.handleAttempt('p1')
      watch?.handleAttempt('p2')
      controller.abort()
      throw new MeshError('ERR_QUERY_CANCELLED', 'left')
    })
    await expect(handle(request(), context(controller.signal))).rejects.toThrow()
    expect(ended).toMatchObject([{ decision: 'forward', outcome: 'cancelled', executedBy: { peerId: 'p2', name: 'name of p2' } }])
  })
})
