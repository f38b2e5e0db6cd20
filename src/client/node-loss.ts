/** What the loss of the connection to the asked node means to whoever asked it. */
import { MeshError } from '../errors.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { QueryResponse } from '../query/types.ts'

export interface AskedNode {
  /** What is known when the connection breaks, as `the node at … ended` or `the connection to … broke`. */
  readonly lossText: string
  /** What to do before asking again; ends without a full stop. */
  readonly remedy: string
  /** What is said when it answers nothing at all. */
  silence(cause: unknown): MeshError
}

/**
 * Errors of this client's own connection have a cause; those that the node sends have none, since causes do not travel. The former become
 * ERR_NO_NODE, or stay ERR_QUERY_BROKEN once rows were delivered; the latter stay what they are.
 */
export function explainLoss(error: unknown, node: AskedNode): unknown {
  if (!(error instanceof MeshError) || error.cause === undefined) return error
  const { rowsDelivered, started } = error.details
  if (error.code === 'ERR_QUERY_BROKEN' && typeof rowsDelivered === 'number' && rowsDelivered > 0) {
    return new MeshError('ERR_QUERY_BROKEN', `${node.lossText} while the query ran, after ${rowsDelivered} ${rowsDelivered === 1 ? 'row' : 'rows'}`, {
      nextStep: `${node.remedy}, discard the rows received and send the query again.`, details: error.details, cause: error,
    })
  }
  if (error.code !== 'ERR_PEER_UNREACHABLE' && error.code !== 'ERR_QUERY_BROKEN') return error
  // A stream that could not even be opened.
  if (error.cause instanceof MeshError) return node.silence(error)
  return new MeshError('ERR_NO_NODE', `${node.lossText} while the query ran`, {
    nextStep: started === 'no' ? `${node.remedy} and send the query again.` : `${node.remedy}; a statement that writes may have taken effect, so look before sending it again.`,
    details: error.details, cause: error,
  })
}

/** The same response; a loss while its batches are read is explained too. */
export function explainLossOf(response: QueryResponse, node: AskedNode): QueryResponse {
  const batches = response.batches[Symbol.asyncIterator]()
  // Not a generator: one that was never started would not pass on its `return`, which is what cancels the query.
  const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    next: async () => {
      try {
        const { done, value } = await batches.next() as IteratorResult<EngineBatch, undefined>
        return done === true ? { done, value: undefined } : { done: false, value }
      } catch (error) {
        throw explainLoss(error, node)
      }
    },
    return: async () => {
      await batches.return?.()
      return { done: true, value: undefined }
    },
  }
  return { ...response, batches: iterator }
}
