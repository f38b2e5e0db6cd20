/** A process in memory: what a command writes, reads and is answered, without sockets, files or time. */
import type { ConnectOptions, QueryOptions, QueryResult, TransactionOptions } from '../../../src/client/types.ts'
import type { CliContext, ControlCalls, ControlTarget, Parts, StopSignal, TextOutput } from '../../../src/cli/context.ts'
import { OutputClosed } from '../../../src/cli/context.ts'
import { run } from '../../../src/cli/program.ts'
import type { QueryTrailer, RouteReport } from '../../../src/query/types.ts'
import type { ControlRequest } from '../../../src/wire/control.ts'
import type { ResultColumn, ResultValue } from '../../../src/wire/results/types.ts'

export interface FakeOutput extends TextOutput {
  text(): string
  readonly chunks: Uint8Array[]
}

export interface FakeOptions {
  readonly terminal?: boolean
  readonly columns?: number
  readonly color?: boolean
  readonly stdin?: string
  readonly env?: Record<string, string>
  /** stdout's reader goes away after this many writes. */
  readonly closesAfterWrites?: number
  readonly control?: (request: ControlRequest, target: ControlTarget, signal?: AbortSignal) => unknown
  /** Asked again and again while a command waits for the node's end; it is gone at once by default. */
  readonly isGone?: () => boolean
  /** The node was killed rather than stopped. */
  readonly wasKilled?: boolean
  /** Before there is a client. */
  readonly connect?: () => void
  readonly query?: (sql: string, options: QueryOptions) => Promise<QueryResult>
  readonly node?: Parts['node']
  readonly daemon?: Parts['daemon']
  /** `/srv` by default, which is not there. */
  readonly cwd?: string
}

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class FakeProcess {
  readonly stdout: FakeOutput
  readonly stderr: FakeOutput
  readonly requests: ControlRequest[] = []
  readonly connects: ConnectOptions[] = []
  readonly queries: Array<{ readonly sql: string; readonly options: QueryOptions }> = []
  readonly transactions: Array<{ database: string; options: TransactionOptions; end: string }> = []
  readonly exits: string[] = []
  /** What the process that started this one was told. */
  readonly told: string[] = []
  clientsClosed = 0
  #handlers: Array<(signal: StopSignal) => void> = []
  #nowMs = 0
  readonly #options: FakeOptions

  constructor(options: FakeOptions = {}) {
    this.#options = options
    this.stdout = output(options, options.closesAfterWrites ?? Number.POSITIVE_INFINITY)
    this.stderr = output(options, Number.POSITIVE_INFINITY)
  }

  signal(signal: StopSignal): void {
    for (const handler of [...this.#handlers]) handler(signal)
  }

  get listensForSignals(): boolean {
    return this.#handlers.length > 0
  }

  async run(...args: string[]): Promise<Outcome> {
    const code = await run(args, this.context())
    return { code, stdout: this.stdout.text(), stderr: this.stderr.text() }
  }

  context(): CliContext {
    const { env, stdin, terminal, node, daemon, cwd } = this.#options
    return {
      stdout: this.stdout, stderr: this.stderr, env: env ?? {}, cwd: cwd ?? '/srv',
      stdin: { isTerminal: terminal === true && stdin === undefined, read: () => Promise.resolve(stdin ?? ''), chunks: async function* () { yield await Promise.resolve(stdin ?? '') } },
      wallMs: () => Date.UTC(2026, 0, 1, 12, 0, 10),
      // Each look at the clock is 10 ms later, so that spans are known.
      nowMs: () => this.#nowMs += 10,
      onSignal: (handler) => {
        this.#handlers.push(handler)
        return () => { this.#handlers = this.#handlers.filter((other) => other !== handler) }
      },
      tellParent: (message) => {
        this.told.push(message)
        return Promise.resolve()
      },
      exitNow: (signal) => { this.exits.push(signal) },
      parts: {
        control: () => Promise.resolve(this.#control()),
        client: () => Promise.resolve({ connect: async (options: ConnectOptions = {}) => await this.#connect(options) }),
        daemon: daemon ?? (() => Promise.reject(new Error('no process is started in this test'))),
        node: node ?? (() => Promise.reject(new Error('no node in this test'))),
      },
    }
  }

  #control(): ControlCalls {
    const answer = (request: ControlRequest, target: ControlTarget, signal?: AbortSignal): unknown => {
      this.requests.push(request)
      return this.#options.control?.(request, target, signal)
    }
    return {
      callControlOnce: (target, request, signal) => new Promise((resolve) => { resolve(answer(request, target, signal)) }),
      async *callControl(target, request, signal) {
        yield* answer(request, target, signal) as AsyncIterable<unknown>
      },
      isStillNoted: () => Promise.resolve(this.#options.wasKilled === true),
      untilGone: async (_target, signal) => {
        while (this.#options.isGone?.() === false) {
          signal.throwIfAborted()
          await new Promise((resolve) => { setImmediate(resolve) })
        }
      },
    }
  }

  #connect(options: ConnectOptions): ReturnType<Awaited<ReturnType<Parts['client']>>['connect']> {
    this.connects.push(options)
    this.#options.connect?.()
    return Promise.resolve({
      query: (sql: string, queryOptions: QueryOptions) => {
        this.queries.push({ sql, options: queryOptions })
        return this.#options.query?.(sql, queryOptions) ?? Promise.reject(new Error('no query in this test'))
      },
      transaction: async (database, work, transactionOptions = {}) => {
        this.transactions.push({ database, options: transactionOptions, end: 'open' })
        const transaction = { route: null, query: (sql: string, queryOptions = {}) => {
          this.queries.push({ sql, options: { database, ...queryOptions } })
          return this.#options.query?.(sql, { database, ...queryOptions }) ?? Promise.reject(new Error('no query in this test'))
        } }
        const ended = (end: string): void => { this.transactions.splice(-1, 1, { database, options: transactionOptions, end }) }
        try {
          const result = await work(transaction)
          ended('commit')
          return result
        } catch (error) {
          ended('rollback')
          throw error
        }
      },
      close: () => {
        this.clientsClosed++
        return Promise.resolve()
      },
    })
  }
}

function output({ terminal = false, columns = 80, color = false }: FakeOptions, writesMax: number): FakeOutput {
  const chunks: Uint8Array[] = []
  return {
    chunks,
    isTerminal: terminal,
    columns: () => columns,
    rows: () => 24,
    write: (data) => {
      if (chunks.length >= writesMax) return Promise.reject(new OutputClosed('EPIPE'))
      chunks.push(Buffer.from(data))
      return Promise.resolve()
    },
    style: (style, text) => (color ? `<${style}>${text}</${style}>` : text),
    text: () => Buffer.concat(chunks).toString('utf8'),
  }
}

export interface FakeResultOptions {
  readonly columns?: readonly ResultColumn[]
  /** Batches of rows. */
  readonly batches?: ReadonlyArray<ReadonlyArray<readonly ResultValue[]>>
  readonly route?: RouteReport | null
  readonly trailer?: QueryTrailer
  readonly arrow?: readonly Uint8Array[]
}

export interface FakeResult extends QueryResult {
  /** Batches that were asked for. */
  pulled(): number
  /** The reader left before the end, which cancels the query. */
  wasLeft(): boolean
}

export const localRoute: RouteReport = {
  decision: 'local', executedBy: { peerId: '12D3KooWlocal1', name: 'local1' }, latencyMs: null, reason: 'Local node is below its thresholds',
  strategy: 'nearest', failedAttempts: [], candidates: [], decisionUs: 12.3,
}

export const forwardRoute: RouteReport = {
  decision: 'forward', executedBy: { peerId: '12D3KooWremote1', name: 'remote1' }, latencyMs: 45.2, reason: 'Local CPU 85% exceeds threshold 80%',
  strategy: 'nearest', decisionUs: 1234.5,
  failedAttempts: [{ peerId: '12D3KooWremote2', name: 'remote2', code: 'ERR_PEER_UNREACHABLE', message: 'connection refused' }],
  candidates: [
    { peerId: '12D3KooWremote1', name: 'remote1', latencyMs: 45.2, cpuPercent: 20, memoryPercent: 40, inFlight: 1, score: 90.4, verdict: 'chosen' },
    { peerId: '12D3KooWremote3', name: 'remote3', latencyMs: null, cpuPercent: null, memoryPercent: null, inFlight: 0, score: null, verdict: 'not-ready' },
  ],
}

export function fakeResult({ columns = [{ name: 'n', type: 'INTEGER' }], batches = [], route = localRoute, trailer, arrow = [] }: FakeResultOptions): FakeResult {
  let pulled = 0
  let left = false
  let ended: QueryTrailer | null = null
  return {
    columns, route,
    pulled: () => pulled,
    wasLeft: () => left,
    rows: () => { throw new Error('the command reads batches') },
    trailer: () => ended,
    async *arrowStream() {
      for (const bytes of arrow) yield await Promise.resolve(bytes)
      ended = trailer ?? { rows: 0, engineMs: 1, load: null }
    },
    async *[Symbol.asyncIterator]() {
      let complete = false
      try {
        for (const rows of batches) {
          pulled++
          yield await Promise.resolve({ rowCount: rows.length, value: (row: number, column: number) => rows[row]?.[column] ?? null })
        }
        complete = true
        ended = trailer ?? { rows: batches.flat().length, engineMs: 7, load: { cpuPercent: 21, memoryPercent: 40, inFlight: 0, overloaded: false, drill: false, sequence: 1 } }
      } finally {
        left = !complete
      }
    },
  }
}
