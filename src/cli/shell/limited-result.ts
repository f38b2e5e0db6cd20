import type { QueryResult } from '../../client/types.ts'
import type { ResultBatch } from '../../wire/results/types.ts'
import type { Progress } from '../query/progress.ts'

export interface LimitedResult extends QueryResult {
  /** Rows that were there and not passed on; null: left where the bound was, with more to come. */
  readonly hidden: () => number | null
  readonly shown: () => number
}

/**
 * The first `rowsMax` rows. What lies beyond is not even asked for where the rest may be left (`mayLeave`): that cancels the query in its engine.
 * Otherwise it is read to its end, as it has effects.
 */
export function limited(result: QueryResult, { rowsMax, mayLeave, progress }: { readonly rowsMax: number; readonly mayLeave: boolean; readonly progress: Progress }): LimitedResult {
  let shown = 0
  let hidden: number | null = 0
  return {
    columns: result.columns, route: result.route, rows: () => result.rows(), arrowStream: () => result.arrowStream(), trailer: () => result.trailer(),
    hidden: () => hidden, shown: () => shown,
    async *[Symbol.asyncIterator](): AsyncGenerator<ResultBatch> {
      for await (const batch of result) {
        await progress.addRows(batch.rowCount)
        const rowCount = Math.min(batch.rowCount, rowsMax - shown)
        if (rowCount > 0) {
          shown += rowCount
          yield rowCount === batch.rowCount ? batch : { rowCount, value: (row, column) => batch.value(row, column) }
        }
        if (rowCount < batch.rowCount) {
          if (mayLeave) {
            hidden = null
            return
          }
          hidden = (hidden ?? 0) + batch.rowCount - rowCount
        }
      }
    },
  }
}
