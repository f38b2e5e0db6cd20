/** The ranges and defaults of open transactions. */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface TransactionOptions {
  readonly openMax: number
  readonly idleMs: number
  readonly lifetimeMs: number
}

export const TRANSACTION_OPTIONS: Readonly<Record<keyof TransactionOptions, OptionRange>> = {
  openMax: {
    unit: 'count', min: 0, max: 10_000, default: 32,
    description: 'Transactions that are open on a node at once; 0 refuses all. Larger: more clients have one; each holds a connection of its engine, and what it has locked.',
  },
  idleMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 30_000,
    description: 'A transaction without a statement for so long is rolled back. Larger: slower clients get through; what a forgotten one has locked stays locked longer.',
  },
  lifetimeMs: {
    unit: 'ms', min: 100, max: 24 * 3_600_000, default: 600_000,
    description: 'A transaction that is open for so long is rolled back, whatever it is at. Larger: longer work in one piece; others wait longer for what it has locked.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseTransactionOptions(input: Readonly<Partial<TransactionOptions>> = {}): TransactionOptions {
  return completeOptions('transactions', TRANSACTION_OPTIONS, input)
}
