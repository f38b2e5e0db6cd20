/** `connect()`: a client of the node beside us, over its local socket, or of any node, over libp2p. */
import { connectLocal } from '../adapters/local/connect-local.ts'
import { MeshError } from '../errors.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { QueryConnections } from '../query/client.ts'
import type { QueryRequest } from '../query/types.ts'
import { findLocalNode } from './local-node.ts'
import type { Client, ConnectOptions, QueryOptions, QueryResult } from './types.ts'

const timeoutMsDefault = 30_000
/** What a timer can hold: about 24 days. */
const timeoutMsMax = 2 ** 31 - 1

/**
 * Finds the node and opens a stream to it, so that a client which resolves has been answered.
 * @throws MeshError ERR_NO_NODE, ERR_CLUSTER_KEY, ERR_PROTOCOL, ERR_OPTION_INVALID
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const opener = options.node === undefined ? await localOpener(options) : await remoteOpener(options.node, options)
  const connections = new QueryConnections({ open: opener.open })
  try {
    await connections.warm(opener.target, options.signal)
  } catch (error) {
    await connections.close()
    await opener.close()
    throw error
  }
  return new NodeClient(connections, opener)
}

interface Opener {
  readonly target: string
  readonly open: (target: string, protocol: string, signal: AbortSignal) => Promise<ByteStream>
  readonly close: () => Promise<void>
}

async function localOpener(options: ConnectOptions): Promise<Opener> {
  const { socketPath } = await findLocalNode(options.dataDir)
  return { target: socketPath, open: (path, protocol, signal) => connectLocal(path, protocol, { signal }), close: () => Promise.resolve() }
}

/** libp2p takes most of a second to load, so only those who need it do. */
async function remoteOpener(node: string, options: ConnectOptions): Promise<Opener> {
  const { openRemote } = await import('./remote-node.ts')
  return await openRemote(node, options)
}

class NodeClient implements Client {
  readonly #connections: QueryConnections
  readonly #opener: Opener
  #closed = false

  constructor(connections: QueryConnections, opener: Opener) {
    this.#connections = connections
    this.#opener = opener
  }

  async query(sql: string, options: QueryOptions): Promise<QueryResult> {
    if (this.#closed) throw new MeshError('ERR_NODE_STOPPED', 'the client has been closed')
    const request = toRequest(sql, options)
    // The decoder loads while the node works.
    const [{ ClientQueryResult }, response] = await Promise.all([
      import('./query-result.ts'),
      this.#connections.query(this.#opener.target, request, options.signal === undefined ? {} : { signal: options.signal }),
    ])
    try {
      return new ClientQueryResult(response)
    } catch (error) {
      await response.batches[Symbol.asyncIterator]().return?.()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#connections.close()
    await this.#opener.close()
  }
}

function toRequest(sql: string, options: QueryOptions): QueryRequest {
  const timeoutMs = options.timeoutMs ?? timeoutMsDefault
  if (!(timeoutMs > 0 && timeoutMs <= timeoutMsMax)) throw new MeshError('ERR_OPTION_INVALID', `timeoutMs is ${timeoutMs}; it must be between 1 and ${timeoutMsMax}`)
  if (typeof options.database !== 'string' || options.database === '') throw new MeshError('ERR_OPTION_INVALID', 'no database is named', { nextStep: 'Pass { database } to query().' })
  return {
    database: options.database,
    sql,
    parameters: options.parameters ?? [],
    // The node's engine parses the statement; the client has no parser to tell.
    access: 'unknown',
    priority: options.priority ?? 'normal',
    timeoutMs,
    visited: [],
    explain: options.explain ?? false,
    lastResort: false,
  }
}
