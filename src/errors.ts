/**
 * The one table of operational errors and the one class that carries them. Callers match `code`, never text.
 * `docs/ERRORS.md` is held to this table by a test, both ways.
 */

export interface ErrorEntry {
  /** When it occurs. */
  readonly when: string
  /** Whether state may have changed on any node. */
  readonly stateChanged: 'no' | 'unknown'
  /** Whether sending the same thing again is safe and may help. */
  readonly retry: 'no' | 'safe' | 'unsafe'
  /** The CLI's exit code. */
  readonly exitCode: 1 | 2 | 3 | 4 | 70 | 130
  /** What the reader should do, unless the place that throws knows better. */
  readonly nextStep: string
}

export const ERRORS = {
  ERR_OPTION_UNKNOWN: { when: 'a flag, configuration key or environment variable is not an option', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Check the spelling against docs/OPTIONS.md or --help.' },
  ERR_OPTION_INVALID: { when: 'an option has a value out of its range or form, or two options contradict each other', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Correct the value; docs/OPTIONS.md gives each range and unit.' },
  ERR_CONFIG_FILE: { when: 'the configuration file is missing, unreadable or not valid YAML', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Check the path and the syntax of the file.' },
  ERR_NODE_VERSION: { when: 'the program is started by a Node older than 22.12', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Start it with Node 22.12 or newer.' },
  ERR_DATA_DIR_LOCKED: { when: 'another running process uses the data folder', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Stop that process or give this node a --data-dir of its own.' },
  ERR_DATA_DIR_UNUSABLE: { when: 'the data folder cannot be created, read or written', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Check the folder, its owner, its permissions and the free disk space.' },
  ERR_KEY_FILE_DAMAGED: { when: "the node's identity key file cannot be read as an Ed25519 key", stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Restore the file from a backup, or move it away to start as a new node with a new identity.' },
  ERR_KEYRING_DAMAGED: { when: 'the keyring file is malformed, readable by others, or holds a key that is not 32 bytes', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Copy the keyring again from a healthy node, with mode 0600.' },
  ERR_INSECURE_LISTEN: { when: 'a node without a cluster key is told to listen beyond loopback', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Make a key with rdb keys:generate and copy it to each node, or pass --insecure.' },
  ERR_PORT_BUSY: { when: 'the listening port is taken, over TCP or UDP', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Stop what holds the port or choose another with --listen; port 0 picks a free one.' },
  ERR_ADDRESS_UNAVAILABLE: { when: 'the listening address is not an address of this host', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Use an address of this host, or 0.0.0.0 for all of them.' },
  ERR_DATABASE_PATH: { when: 'the path of a database is missing, unreadable, does not answer in time, or holds nothing that the engine can open', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Give a .duckdb file or a folder with CSV, JSON or Parquet files.' },
  ERR_DATABASE_UNKNOWN: { when: 'no node of the mesh serves the database, or the node that is to give it up does not', stateChanged: 'no', retry: 'safe', exitCode: 2, nextStep: 'Check the name; rdb db:databases shows which node serves what.' },
  ERR_DATABASE_IN_USE: { when: 'a database that is to be registered is served here already, or one that is to be unregistered has open transactions', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'rdb db:databases shows what is served where.' },
  ERR_START_FAILED: { when: 'a node that was started in the background ended, or did not answer in time', stateChanged: 'unknown', retry: 'safe', exitCode: 3, nextStep: 'See the end of its log, node.log in the data folder.' },
  ERR_NO_NODE: { when: 'no node answers at the given address or data folder, or it ended before the first rows of a query (details.started is then unknown)', stateChanged: 'unknown', retry: 'safe', exitCode: 3, nextStep: 'Start one with rdb start, or the last one again with rdb db:measure:restart, or point --data-dir at a running one.' },
  ERR_CLUSTER_KEY: { when: 'the other side does not hold the same cluster key', stateChanged: 'no', retry: 'no', exitCode: 3, nextStep: 'Compare rdb keys:list on both sides; copy the keyring file.' },
  ERR_KEY_UNKNOWN: { when: 'no key of the keyring, or more than one, has the given fingerprint', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'rdb keys:list shows the fingerprints; rdb keys:install takes keys that were added to the file.' },
  ERR_KEY_IN_USE: { when: 'a cluster key that is to be removed is in use at a member', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Put another key in use everywhere, with rdb keys:use, then remove this one.' },
  ERR_KEYS_INCOMPLETE: { when: 'a step of a key rotation was not confirmed by every member that is up', stateChanged: 'unknown', retry: 'safe', exitCode: 3, nextStep: 'Repeat the command; rdb keys:list --mesh shows who holds what.' },
  ERR_MEMBER_UNKNOWN: { when: 'no member, or more than one, is called so', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'rdb members lists them by name; --wide shows whole PeerIds.' },
  ERR_MEMBER_ALIVE: { when: 'a member that is to be taken off the list of those expected back answers', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Run rdb leave beside it; rdb peers:deny keeps a peer out that shall not be dealt with.' },
  ERR_LEAVE_TIMEOUT: { when: 'a node that was told to leave is still there when the time to wait is over', stateChanged: 'unknown', retry: 'safe', exitCode: 4, nextStep: 'Run rdb leave again with a longer --timeout, or end its process.' },
  ERR_NO_HEALTHY_PEER: { when: 'the query cannot run here, and every node that serves the database failed, refused or is overloaded', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'rdb db:nodes shows why each node was passed over; try again later.' },
  ERR_NO_PRIMARY: { when: 'a write was asked for and no reachable node serves the database as its primary', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Start one node with role=primary for this database.' },
  ERR_READ_ONLY: { when: 'a write was sent to a database whose engine only reads (as a folder of files), or in a transaction that only reads', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Serve what takes writes where they are needed: a .duckdb file with role=primary, or PostgreSQL. A folder of files is only read.' },
  ERR_SQL: { when: 'the engine refused the SQL: syntax, names, types, values, or what the sandbox forbids', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Correct the statement; the message is the engine’s own.' },
  ERR_QUERY_TIMEOUT: { when: 'the deadline passed before the result was complete', stateChanged: 'unknown', retry: 'unsafe', exitCode: 4, nextStep: 'Give more time (--timeout, in a program timeoutMs), or ask for less.' },
  ERR_QUERY_CANCELLED: { when: 'the caller cancelled the query', stateChanged: 'unknown', retry: 'unsafe', exitCode: 130, nextStep: 'Nothing: the engine was told to stop.' },
  ERR_QUERY_BROKEN: { when: 'the connection to the answering node broke after the first rows had been delivered', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Discard the rows received and send the query again.' },
  ERR_QUERY_AMBIGUOUS: { when: 'the connection broke while a write was under way, so that it may or may not have happened', stateChanged: 'unknown', retry: 'unsafe', exitCode: 3, nextStep: 'Look whether the write took effect before sending it again.' },
  ERR_TRANSACTION_LOST: { when: 'a transaction ended before its commit: its node or the way to it is gone, or it was idle or open for too long', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Begin it anew: nothing of it was kept.' },
  ERR_TRANSACTION_ABORTED: { when: 'a statement or a commit follows a statement that failed in the same transaction', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Begin it anew without what failed: nothing of it was kept.' },
  ERR_TRANSACTION_BUSY: { when: 'a statement or a commit comes while the result of the statement before it is still being read', stateChanged: 'no', retry: 'safe', exitCode: 1, nextStep: 'Read each result to its end, or leave its loop, before the next statement.' },
  ERR_TRANSACTION_CONFLICT: { when: 'a write or a transaction collided with another that ran at the same time, and the engine undid it', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Run it again as a whole: nothing of it was kept.' },
  ERR_TRANSACTION_UNSUPPORTED: { when: 'transactions of several statements were asked of an engine that has none', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Send the statements one by one; each is a transaction of its own.' },
  ERR_QUERY_TOO_LARGE: { when: 'the SQL text with its parameters, the header of a result or a single batch of it exceeds its size limit', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Shorten the statement, or ask for smaller values.' },
  ERR_OVERLOADED: { when: 'a node has reached its limit of queries and refuses one more', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Try again shortly, or add a node.' },
  ERR_NOT_SERVING: { when: 'the asked node does not serve the database, or not yet', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'rdb db:nodes shows the nodes that do.' },
  ERR_NOT_PRIMARY: { when: 'a write reached a node that serves the database as a replica', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Send writes through the mesh, which forwards them to the primary.' },
  ERR_TOO_STALE: { when: 'no copy that can be reached is known to be as fresh as the query asks', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Where rdb db:nodes shows a lag, allow more staleness than that. A copy without one does not know how far it is behind: bring the primary within reach, or ask without the hint.' },
  ERR_DRAINING: { when: 'the node is shutting down and takes no new query', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Send it to another node.' },
  ERR_QUORUM_LOST: { when: 'the asked node sees too few members for a quorum, and its minority policy refuses the query', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Ask a node on the larger side, or try again when the mesh is whole; rdb status shows partition and quorum, rdb members:force-leave takes off who will not come back.' },
  ERR_HOP_LIMIT: { when: 'a forwarded query would have to be forwarded again', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Nothing: the sender tries its next peer.' },
  ERR_PEER_UNREACHABLE: { when: 'a stream to a member cannot be opened or broke before the first row', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'rdb members shows the state of the peer.' },
  ERR_PROTOCOL: { when: 'the other side sent what the protocol does not allow', stateChanged: 'no', retry: 'no', exitCode: 3, nextStep: 'Compare the versions of both sides; rdb members --json shows them.' },
  ERR_EVENTS_LOST: { when: 'a reader of an event stream was so slow that events had to be dropped', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Subscribe again, with a snapshot first.' },
  ERR_NODE_STOPPED: { when: 'the library was used after the node or the client had been stopped', stateChanged: 'no', retry: 'no', exitCode: 3, nextStep: 'Create a new one.' },
  ERR_HTTP_UNPROTECTED: { when: 'HTTP is told to listen beyond loopback without a token file or without TLS files', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Set http.tokenFile, http.tlsCert and http.tlsKey, or listen on 127.0.0.1 and let a proxy on this host do both.' },
  ERR_REQUEST_INVALID: { when: 'a request over HTTP is malformed: its JSON, a field, a parameter of its URL, its form as HTTP; or it did not all arrive in time', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Correct the request; docs/openapi.yaml describes each.' },
  ERR_REQUEST_TOO_LARGE: { when: 'the body of a request over HTTP is larger than http.bodyMax, or its headers are longer than 16 KiB', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Shorten it, or raise http.bodyMax.' },
  ERR_MEDIA_TYPE: { when: 'the body of a request over HTTP is not application/json, or is compressed', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Send JSON, with the header Content-Type: application/json.' },
  ERR_NOT_ACCEPTABLE: { when: 'the header Accept of a request over HTTP names nothing that the answer can be written as', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'Accept application/json; of a query also application/x-ndjson, text/csv or application/vnd.apache.arrow.stream.' },
  ERR_RESOURCE_UNKNOWN: { when: 'a request over HTTP asks for a path or a method that there is not', stateChanged: 'no', retry: 'no', exitCode: 2, nextStep: 'docs/openapi.yaml lists them.' },
  ERR_TOKEN: { when: 'a request over HTTP has no token, or not the token of the node', stateChanged: 'no', retry: 'no', exitCode: 3, nextStep: 'Send the header Authorization: Bearer with the text of the file that http.tokenFile names.' },
  ERR_TOKEN_THROTTLED: { when: 'an address has sent too many wrong tokens over HTTP, and none from there is looked at for up to a minute', stateChanged: 'no', retry: 'safe', exitCode: 3, nextStep: 'Wait as long as details.retryAfterSeconds says; then send the text of the file that http.tokenFile names.' },
  ERR_CROSS_SITE: { when: 'a request over HTTP names a host that is not loopback, or comes from a page of another site', stateChanged: 'no', retry: 'no', exitCode: 3, nextStep: 'Ask by 127.0.0.1 or localhost; where other names are needed, set http.tokenFile.' },
  ERR_ROWS_MAX: { when: 'a result over HTTP has more rows than http.rowsMax', stateChanged: 'no', retry: 'no', exitCode: 1, nextStep: 'Ask for fewer rows, raise http.rowsMax, or use rdb db:query, which has no such bound.' },
  ERR_OUTPUT: { when: 'the standard output of a command cannot be written, as on a full disk', stateChanged: 'no', retry: 'safe', exitCode: 1, nextStep: 'Make room where the output goes, discard what has been written there, and run the command again.' },
  ERR_INTERNAL: { when: 'a fault of this program', stateChanged: 'unknown', retry: 'unsafe', exitCode: 70, nextStep: 'Report it with the log of the node.' },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export interface MeshErrorInit {
  /** A next step better than the table's, for this very case. */
  readonly nextStep?: string
  /** Facts for programs: position in the SQL, rows delivered, path, peer. JSON values only. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
  readonly cause?: unknown
}

export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly nextStep: string
  readonly details: Readonly<Record<string, string | number | boolean | null>>

  constructor(code: ErrorCode, message: string, init: MeshErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = code
    this.nextStep = init.nextStep ?? ERRORS[code].nextStep
    this.details = init.details ?? {}
  }

  get exitCode(): number {
    return ERRORS[this.code].exitCode
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERRORS, value)
}
