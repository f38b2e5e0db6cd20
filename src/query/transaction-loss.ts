/** What a failure on the way of a transaction's step means to whoever sent it. */
import { MeshError } from '../errors.ts'
import type { TransactionStep } from './types.ts'

/** The other side is gone or going. */
const wayLost: ReadonlySet<string> = new Set(['ERR_PEER_UNREACHABLE', 'ERR_QUERY_BROKEN', 'ERR_NO_NODE', 'ERR_NODE_STOPPED', 'ERR_DRAINING'])
/** Leave open whether a commit was done. */
const unanswered: ReadonlySet<string> = new Set([...wayLost, 'ERR_QUERY_TIMEOUT', 'ERR_QUERY_CANCELLED', 'ERR_PROTOCOL', 'ERR_INTERNAL'])

/**
 * ERR_TRANSACTION_LOST when the transaction is gone with its way: nothing of it was kept. ERR_QUERY_AMBIGUOUS for a commit that was sent and not
 * answered. Anything else is the answer itself, and stays as it is.
 */
export function transactionLoss(error: unknown, step: TransactionStep['step']): unknown {
  if (!(error instanceof MeshError)) return error
  const { code, message, details } = error
  if (step === 'commit' && details['started'] !== 'no' && unanswered.has(code)) {
    return new MeshError('ERR_QUERY_AMBIGUOUS', `the commit was sent and not answered: ${message}`, { nextStep: 'Look whether the transaction took effect before beginning it anew.', cause: error })
  }
  return wayLost.has(code) ? new MeshError('ERR_TRANSACTION_LOST', message, { details, cause: error }) : error
}
