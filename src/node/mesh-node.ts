/** A running node, as a program has it. */
import type { QueryOptions, QueryResult, Transaction, TransactionOptions } from '../client/types.ts'
import type { EventView, ExplainView, MemberView, NodeStatusView } from '../wire/control.ts'
import type { NodeInspection } from './inspection.ts'

export interface MeshNode {
  readonly peerId: string
  readonly name: string
  readonly tcpMultiaddrs: readonly string[]
  readonly members: {
    /** This node first. */
    list(): MemberView[]
    /**
     * From now on, until the loop is left, the signal aborts or the node stops.
     * The iteration throws MeshError ERR_EVENTS_LOST after 4,096 unread events.
     */
    events(signal?: AbortSignal): AsyncIterableIterator<EventView>
  }
  status(): NodeStatusView
  /**
   * As a client beside the node asks it, without a socket between: routed, limited and counted alike.
   * @throws MeshError, ERR_NODE_STOPPED once it stops
   */
  query(sql: string, options: QueryOptions): Promise<QueryResult>
  /**
   * As a client's: commits when `work` resolves, rolls back when it throws.
   * @throws MeshError as `Client.transaction`; what `work` throws
   */
  transaction<T>(database: string, work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * What would become of that query now, with every candidate and its score. Nothing runs, is counted or changes.
   * @throws MeshError ERR_SQL, ERR_READ_ONLY, ERR_OPTION_INVALID
   */
  explain(sql: string, options: Pick<QueryOptions, 'database' | 'parameters' | 'priority' | 'route' | 'session' | 'signal'>): Promise<ExplainView>
  /** Leaves the mesh, lets running queries end within `drainMs`, closes everything. Idempotent. */
  stop(reason: string): Promise<void>
  /** Resolves when it has stopped. */
  readonly done: Promise<void>
}

/** As the parts around a node see it. */
export interface InspectedNode extends MeshNode {
  readonly inspection: NodeInspection
}
