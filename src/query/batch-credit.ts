import { BATCH_CREDIT_BYTES_MIN } from './limits.ts'

/** What a batch, or a fragment of one, costs of the credit. Both sides count alike. */
export function creditOfBatch(dataBytes: number): number {
  return Math.max(BATCH_CREDIT_BYTES_MIN, dataBytes)
}
