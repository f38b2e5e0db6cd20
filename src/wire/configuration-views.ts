/** What of a running node's configuration is shown and changed over the control protocol. */

/** What is left out stays; null is the node's own again. */
export interface RoutingChange {
  readonly cpuThresholdPercent?: number | null
  readonly memoryThresholdPercent?: number | null
  readonly strategy?: string | null
  /** Of the node, for all its databases. */
  readonly pingIntervalMs?: number
}

export interface RoutingConfigView {
  readonly database: string
  /** Of the node that answers. */
  readonly node: string
  readonly isServedHere: boolean
  /** Names of all nodes that serve it. */
  readonly servers: readonly string[]
  readonly cpuThresholdPercent: number
  readonly memoryThresholdPercent: number
  readonly overloadLeaveMarginPercent: number
  readonly overloadDwellMs: number
  readonly latencyThresholdMs: number
  readonly strategy: string
  readonly pingIntervalMs: number
  /** Keys of those that the database has of its own; the others are the node's. */
  readonly own: ReadonlyArray<'cpuThreshold' | 'memoryThreshold' | 'overloadLeaveMargin' | 'overloadDwell' | 'strategy'>
  /** Where changes are kept; null where a program gave the options. */
  readonly file: string | null
  /** Of this call: whether the file has it now; null when nothing was to be changed. */
  readonly isSaved: boolean | null
  /** What to know before the next start; sentences for people. */
  readonly notes: readonly string[]
}

export interface MeasurementView {
  readonly node: string
  readonly pid: number
  readonly uptimeMs: number
  /** Null: of the node as a whole. */
  readonly database: string | null
  readonly databases: readonly string[]
  readonly pingIntervalMs: number
  readonly thresholds: { readonly cpuPercent: number; readonly memoryPercent: number; readonly latencyMs: number }
  /** Members other than this node whose latency is measured. */
  readonly peers: number
  /** Of this host's load or of a peer, whichever was last. */
  readonly lastCheckWallMs: number | null
  /** Where its log goes; null where that is not a file of its data folder. */
  readonly log: string | null
}

/** As the configuration file has it, without the name. */
export type DatabaseEntry = Readonly<Record<string, string | number>> & { readonly path: string }

export type RegistryProgress =
  /** Queries and transactions that are still to end, and how long they are waited for from now on. */
  | { readonly kind: 'draining'; readonly running: number; readonly leftMs: number }
  | { readonly kind: 'done'; readonly view: RegistryView }

export interface RegistryView {
  readonly name: string
  readonly node: string
  /** Null where it was not served, but only in the file. */
  readonly database: { readonly path: string; readonly role: string; readonly engine: string; readonly ready: boolean } | null
  /** Names of the other nodes that serve it. */
  readonly otherNodes: readonly string[]
  /** Queries and transactions that were ended with an error, since their time was over. */
  readonly ended: number
  /** As `RoutingConfigView`. */
  readonly file: string | null
  readonly isSaved: boolean
  readonly notes: readonly string[]
}
