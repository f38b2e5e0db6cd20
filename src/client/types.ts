/** The public client. */

import type { Priority } from '../core/routing/types.ts'
import type { QueryValue } from '../ports/query-engine.ts'
import type { QueryTrailer, RouteReport } from '../query/types.ts'
import type { ResultBatch, ResultColumn, ResultValue } from '../wire/results/types.ts'

export interface ConnectOptions {
  /** The data folder of a node on this machine; its local socket is used. Default `.reedbase`. */
  readonly dataDir?: string
  /** Instead: `host:port` or a multiaddr of any node, over libp2p. */
  readonly node?: string
  /** For `node`: the folder whose keyring opens the mesh; default `dataDir`. */
  readonly keyringDir?: string
  /** For `node`: the label of its cluster, as its --cluster has it. Default `reedbase`. */
  readonly cluster?: string
  /** How long the node may take to answer; ERR_QUERY_TIMEOUT after it. Without it a silent one is ERR_NO_NODE, beside us after 4 s. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface QueryOptions {
  readonly database: string
  readonly parameters?: readonly QueryValue[]
  readonly priority?: Priority
  /** What is asked of the route, also in the words of a hint comment: `zone=eu-west/r1, max-staleness=5s`. */
  readonly route?: RouteWishes | string
  /** A name for what belongs together: its reads stay on one node, and see what it has written. */
  readonly session?: string
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Asks for every candidate in `route.candidates`. */
  readonly explain?: boolean
}

export interface RouteWishes {
  /** On the node that is asked, or nowhere. */
  readonly localOnly?: boolean
  /** On a healthy peer if there is one. */
  readonly preferRemote?: boolean
  /** `datacenter` or `datacenter/rack`. */
  readonly zone?: string
  /** The most that the copy may be behind the primary. */
  readonly maxStalenessMs?: number
  /** Instead of the database's strategy. */
  readonly strategy?: string
}

/** Iterate it (batches) or `rows()`, once. Leaving the loop early cancels the query in the engine. */
export interface QueryResult extends AsyncIterable<ResultBatch> {
  readonly columns: readonly ResultColumn[]
  readonly route: RouteReport | null
  rows(): AsyncIterable<Readonly<Record<string, ResultValue>>>
  /** The result as an Arrow IPC stream; instead of iterating. */
  arrowStream(): AsyncIterable<Uint8Array>
  /** Set once the iteration has ended well. */
  trailer(): QueryTrailer | null
}

export interface Client {
  /**
   * Resolves when the first answer (columns and route) is there.
   * @throws MeshError
   */
  query(sql: string, options: QueryOptions): Promise<QueryResult>
  /**
   * Runs `work` in a transaction on one copy of the database, and commits when it resolves, or rolls back when it throws. Nothing of it is
   * repeated by itself: after ERR_TRANSACTION_LOST or ERR_TRANSACTION_CONFLICT nothing was kept, and the whole may be run again.
   * @throws MeshError also ERR_TRANSACTION_ABORTED, ERR_QUERY_AMBIGUOUS when the commit was not answered; what `work` throws
   */
  transaction<T>(database: string, work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  close(): Promise<void>
}

export interface TransactionOptions {
  /** On any copy, by the database's strategy; statements that write are refused. Default: false, and at the primary. */
  readonly readOnly?: boolean
  /** For all of it; default 600,000. The node has bounds of its own: docs/OPTIONS.md. */
  readonly timeoutMs?: number
  /** Aborting rolls back. */
  readonly signal?: AbortSignal
  readonly priority?: Priority
  readonly route?: RouteWishes | string
  readonly session?: string
  readonly explain?: boolean
}

export interface TransactionQueryOptions {
  readonly parameters?: readonly QueryValue[]
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Transaction {
  /** Where it runs, and why. */
  readonly route: RouteReport | null
  /**
   * One at a time: a result is read to its end, or its loop left, before the next. After one that failed there is nothing but to roll back.
   * @throws MeshError ERR_TRANSACTION_BUSY, ERR_TRANSACTION_ABORTED, ERR_TRANSACTION_LOST, and as any query
   */
  query(sql: string, options?: TransactionQueryOptions): Promise<QueryResult>
}
