/**
 * Read or write at a node without a server to ask: by PostgreSQL's own parser alone. Of functions only the usual ones of the server are taken for
 * reads, and every other one for a write.
 */
import type { Access } from '../../ports/query-engine.ts'
import { StatementClassifier } from './classifier.ts'

export interface OfflineClassifier {
  /** @throws MeshError as `StatementClassifier.inspect` */
  classify(sql: string): Promise<Access>
  close(): Promise<void>
}

export function createOfflineClassifier(): OfflineClassifier {
  const classifier = new StatementClassifier(() => Promise.resolve(null))
  return {
    classify: async (sql) => (await classifier.inspect(sql)).access,
    close: () => {
      classifier.close()
      return Promise.resolve()
    },
  }
}
