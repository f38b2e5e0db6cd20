/** A pooled connection with the statements that frame every read and every transaction, prepared once. */
import duckdb from '@duckdb/node-bindings'
import { runStatement } from './raw-database.ts'

/**
 * One chunk is ready for the reader at a time, and one of each thread that works ahead of its turn (see open-result.ts). Whatever is below a chunk's least
 * size says so; at a byte or two the engine's share of it rounds to nothing, and no result ever starts.
 */
export const STREAMING_BUFFER = { setting: 'streaming_buffer_size', value: '1KiB' } as const

const FRAME = { begin: 'BEGIN TRANSACTION READ ONLY', beginWrite: 'BEGIN TRANSACTION', probe: 'SELECT 1', commit: 'COMMIT', rollback: 'ROLLBACK' } as const

export class EngineConnection {
  readonly raw: duckdb.Connection
  readonly #prepared = new Map<keyof typeof FRAME, duckdb.PreparedStatement>()

  private constructor(raw: duckdb.Connection) {
    this.raw = raw
  }

  static async open(database: duckdb.Database): Promise<EngineConnection> {
    const raw = await duckdb.connect(database)
    // It is a connection's own setting and cannot be given to the database.
    await runStatement(raw, `SET SESSION ${STREAMING_BUFFER.setting} = '${STREAMING_BUFFER.value}'`)
    return new EngineConnection(raw)
  }

  /** @throws the engine's own error */
  async frame(step: keyof typeof FRAME): Promise<void> {
    let statement = this.#prepared.get(step)
    if (statement === undefined) {
      // The probe is first needed inside a transaction that may be broken, where nothing can be prepared any more.
      if (step === 'begin' || step === 'beginWrite') this.#prepared.set('probe', await duckdb.prepare(this.raw, FRAME.probe))
      statement = await duckdb.prepare(this.raw, FRAME[step])
      this.#prepared.set(step, statement)
    }
    await duckdb.execute_prepared(statement)
  }

  interrupt(): void {
    duckdb.interrupt(this.raw)
  }

  close(): void {
    for (const statement of this.#prepared.values()) duckdb.destroy_prepare_sync(statement)
    duckdb.disconnect_sync(this.raw)
  }
}
