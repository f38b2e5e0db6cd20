import { describe, expect, it } from 'vitest'
import { type AskedNode, explainLoss, explainLossOf } from '../../../src/client/node-loss.ts'
import { MeshError } from '../../../src/errors.ts'
import type { QueryResponse } from '../../../src/query/types.ts'

const node: AskedNode = { lossText: 'the node at d ended', remedy: 'Start it again', silence: (cause) => new MeshError('ERR_NO_NODE', 'it is silent', { cause }) }
const closed = new Error('the stream was closed')

describe('an error of the own connection', () => {
  it('before the request can have arrived is safe to repeat', () => {
    expect(explainLoss(new MeshError('ERR_PEER_UNREACHABLE', 'x', { details: { started: 'no' }, cause: closed }), node)).toMatchObject({
      code: 'ERR_NO_NODE', message: 'the node at d ended while the query ran', nextStep: 'Start it again and send the query again.', details: { started: 'no' },
    })
  })

  it('after that asks to look first', () => {
    const error = explainLoss(new MeshError('ERR_PEER_UNREACHABLE', 'x', { details: { started: 'unknown' }, cause: closed }), node)
    expect(error).toMatchObject({ code: 'ERR_NO_NODE', nextStep: 'Start it again; a statement that writes may have taken effect, so look before sending it again.' })
  })

  it('after columns, but no row, is the same', () => {
    expect(explainLoss(new MeshError('ERR_QUERY_BROKEN', 'x, after 0 rows', { details: { rowsDelivered: 0 }, cause: closed }), node)).toMatchObject({ code: 'ERR_NO_NODE', details: { rowsDelivered: 0 } })
  })

  it('in opening the stream is silence', () => {
    const tooSlow = new MeshError('ERR_PEER_UNREACHABLE', 'no query stream within 10000 ms')
    expect(explainLoss(new MeshError('ERR_PEER_UNREACHABLE', 'x', { details: { started: 'no' }, cause: tooSlow }), node)).toMatchObject({ code: 'ERR_NO_NODE', message: 'it is silent' })
  })
})

describe('an error that the node sent', () => {
  it.each(['ERR_PEER_UNREACHABLE', 'ERR_QUERY_BROKEN', 'ERR_SQL'] as const)('stays as it is: %s', (code) => {
    const error = new MeshError(code, 'remote1 said so', { details: { rowsDelivered: 3 } })
    expect(explainLoss(error, node)).toBe(error)
  })
})

describe('the batches of a response', () => {
  const response = (next: () => Promise<IteratorResult<{ rows: number; bytes: Uint8Array }, undefined>>, onReturn: () => void): QueryResponse => ({
    format: 'raw', header: new Uint8Array(), route: null, trailer: () => null,
    batches: { [Symbol.asyncIterator]: () => ({ next, return: () => {
      onReturn()
      return Promise.resolve({ done: true, value: undefined })
    } }) },
  })

  it('tell of a loss after rows with their number', async () => {
    const broken = new MeshError('ERR_QUERY_BROKEN', 'x, after 1 rows', { details: { rowsDelivered: 1 }, cause: closed })
    const { batches } = explainLossOf(response(() => Promise.reject(broken), () => {}), node)
    await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_QUERY_BROKEN', message: 'the node at d ended while the query ran, after 1 row', nextStep: 'Start it again, discard the rows received and send the query again.', details: { rowsDelivered: 1 },
    })
  })

  it('can be left before the first one was read, which cancels the query', async () => {
    let cancelled = false
    const { batches } = explainLossOf(response(() => Promise.reject(closed), () => { cancelled = true }), node)
    await batches[Symbol.asyncIterator]().return?.()
    expect(cancelled).toBe(true)
  })
})
