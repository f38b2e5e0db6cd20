/** A pooled connection with the statements that frame every read and every transaction, prepared once. */
import duckdb from '@duckdb/node-bindings'

const FRAME = { begin: 'BEGIN TRANSACTION READ ONLY', beginWrite: 'BEGIN TRANSACTION', probe: 'SELECT 1', commit: 'COMMIT', rollback: 'ROLLBACK' } as const

export class EngineConnection {
  readonly raw: duckdb.Connection
  readonly #prepared = new Map<keyof typeof FRAME, duckdb.PreparedStatement>()

  private constructor(raw: duckdb.Connection) {
    this.raw = raw
  }

  static async open(database: duckdb.Database): Promise<EngineConnection> {
    return new EngineConnection(await duckdb.connect(database))
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
