/** The span of an engine at work: from its place in the line to its last batch. */
import type { EngineResult, QueryEngine } from '../ports/query-engine.ts'
import type { TraceSpan } from '../ports/tracing.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import type { QueryWatch } from '../query/types.ts'

/** OpenTelemetry has names for some systems; for the others their own will do. */
const systemNames: Readonly<Record<string, string>> = { postgres: 'postgresql' }

/** The same result; nothing is added where nothing is traced. */
export async function withEngineSpan(watch: QueryWatch | undefined, { kind, database }: Pick<QueryEngine, 'kind' | 'database'>, execute: () => Promise<EngineResult>): Promise<EngineResult> {
  const span = watch?.startSpan('engine', 'client', { 'db.system.name': systemNames[kind] ?? kind, 'db.namespace': database }) ?? null
  if (span === null) return await execute()
  try {
    const result = await execute()
    return { ...result, batches: new SpannedBatches(result, span) }
  } catch (error) {
    span.end(error)
    throw error
  }
}

class SpannedBatches extends PassedBatches {
  readonly #span: TraceSpan

  constructor({ batches }: EngineResult, span: TraceSpan) {
    super(batches)
    this.#span = span
  }

  protected override explain(error: unknown): unknown {
    this.#span.end(error)
    return error
  }

  protected override handleEnded(): void {
    this.#span.end()
  }
}
