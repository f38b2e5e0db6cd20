/** `connect()`: a client of the node beside us, over its local socket, or of any node, over libp2p. */
import { systemClock } from '../adapters/system/clock.ts'
import { MeshError, type MeshErrorInit } from '../errors.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { QueryConnections } from '../query/client.ts'
import { Compression } from '../query/compression.ts'
import type { QueryRequest, QueryResponse } from '../query/types.ts'
import { withClientSpan } from './client-span.ts'
import { findLocalNode, openLocal, silenceInit, silenceText } from './local-node.ts'
import { type AskedNode, explainLoss, explainLossOf } from './node-loss.ts'
import { checkTimeout, toRequest } from './request.ts'
import { runTransaction } from './transaction.ts'
import type { Client, ConnectOptions, QueryOptions, QueryResult, Transaction, TransactionOptions } from './types.ts'

/** On a busy machine, a healthy node takes so long to answer. */
const hastyMs = 100

/**
 * Finds the node and opens a stream to it, so that a client which resolves has been answered.
 * @throws MeshError ERR_NO_NODE, ERR_QUERY_TIMEOUT, ERR_CLUSTER_KEY, ERR_PROTOCOL, ERR_OPTION_INVALID
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  if (options.timeoutMs === undefined) return await connectWithin(options, options.signal, null)
  checkTimeout(options.timeoutMs)
  const timeout = AbortSignal.timeout(Math.ceil(options.timeoutMs))
  return await connectWithin(options, options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]), timeout)
}

async function connectWithin(options: ConnectOptions, signal: AbortSignal | undefined, timeout: AbortSignal | null): Promise<Client> {
  const isTooSlow = (): boolean => timeout?.aborted === true && options.signal?.aborted !== true
  // In less no node need be at fault.
  const isHasty = (options.timeoutMs ?? Infinity) < hastyMs
  const timedOut = (text: string, init: MeshErrorInit): MeshError => new MeshError('ERR_QUERY_TIMEOUT', `${text} within ${options.timeoutMs ?? 0} ms`, { ...init, nextStep: (isHasty ? undefined : init.nextStep) ?? 'Give more time, or ask another node.' })
  let opener: Opener
  try {
    opener = options.node === undefined ? await localOpener(options) : await remoteOpener(options.node, { ...options, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    if (isTooSlow()) throw timedOut(`no answer from ${options.node ?? ''}`, { details: { started: 'no' }, cause: error })
    throw error
  }
  // The node beside us is behind no link.
  const connections = new QueryConnections({ open: opener.open, ...(options.node === undefined ? {} : { compression: new Compression('auto', systemClock) }) })
  try {
    await connections.warm(opener.target, signal)
  } catch (error) {
    await connections.close()
    await opener.close()
    if (isTooSlow()) {
      const { message, nextStep, details } = opener.silence(error)
      throw timedOut(message, { nextStep, details, cause: error })
    }
    // Without a query under way there is nothing to break but the stream's opening.
    throw error instanceof MeshError && error.code === 'ERR_PEER_UNREACHABLE' ? opener.silence(error) : error
  }
  return new NodeClient(connections, opener)
}

interface Opener extends AskedNode {
  readonly target: string
  readonly open: (target: string, protocol: string, signal: AbortSignal) => Promise<ByteStream>
  readonly close: () => Promise<void>
}

async function localOpener(options: ConnectOptions): Promise<Opener> {
  const node = await findLocalNode(options.dataDir)
  return {
    target: node.socketPath,
    open: (_path, protocol, signal) => openLocal(node, protocol, signal),
    close: () => Promise.resolve(),
    lossText: `the node at ${node.dataDir} ended`,
    remedy: 'Start it again with rdb start',
    silence: (cause) => new MeshError('ERR_NO_NODE', silenceText(node), silenceInit(node, cause)),
  }
}

/** libp2p takes most of a second to load, so only those who need it do. */
async function remoteOpener(node: string, options: ConnectOptions): Promise<Opener> {
  const { openRemote } = await import('./remote-node.ts')
  return {
    ...await openRemote(node, options),
    lossText: `the connection to the node at ${node} broke`,
    remedy: 'Start the node again if it has ended, or ask another',
    silence: (cause) => new MeshError('ERR_NO_NODE', `the node at ${node} does not answer`, { details: { node, started: 'no' }, cause }),
  }
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
      this.#send(request, options.signal),
    ])
    try {
      return new ClientQueryResult(response)
    } catch (error) {
      await response.batches[Symbol.asyncIterator]().return?.()
      throw error
    }
  }

  async transaction<T>(database: string, work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    if (this.#closed) throw new MeshError('ERR_NODE_STOPPED', 'the client has been closed')
    return await runTransaction((request, signal) => this.#send(request, signal), database, work, options)
  }

  async #send(request: QueryRequest, signal: AbortSignal | undefined): Promise<QueryResponse> {
    return await withClientSpan(request, async (spanned) => {
      const response = await this.#connections.query(this.#opener.target, spanned, signal === undefined ? {} : { signal }).catch((error: unknown) => { throw explainLoss(error, this.#opener) })
      return explainLossOf(response, this.#opener)
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#connections.close()
    await this.#opener.close()
  }
}
