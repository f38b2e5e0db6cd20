/**
 * Who may hold a connection. Each costs little, but there is room for so many only, and strangers can open them without a word. So where there is
 * no room the one that has been idle for longest makes way, however it came: a flood closes its own connections, and a probe that has just come is
 * the last that it reaches. What is being answered is left alone as long as its reader reads.
 */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { sourceOf } from './client-address.ts'
import type { HttpObserver } from './http-observer.ts'
import { isLoopback } from './protection.ts'

/** Without a byte taken; as for results on the local socket. */
export const HTTP_STALL_MS = 30_000
/** That a reader may be given in one piece, and takes within that time: 8.5 kB/s. */
const stallBytes = 256 << 10
/** That wait for answers on one connection: all that one packet holds is read at once, and that may be thousands. */
export const PIPELINED_MAX = 16
/** After which a reader who takes nothing makes way where there is no room. */
const slowMs = 5_000
const checkIntervalMs = 5_000
const quietMs = 60_000

export type ConnectionEnd = 'stalled' | 'full' | 'refused'

/** What is needed of a socket, TLS or not. */
export interface ClientSocket {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** All that was ever written, and what of it still waits here. */
  readonly bytesWritten: number
  readonly writableLength: number
  once(event: 'close', listener: () => void): unknown
  destroy(): unknown
}

interface Connection {
  readonly key: string
  readonly source: string
  socket: ClientSocket
  readonly answering: Map<ServerResponse, IncomingMessage>
  takenBytes: number
  /** When something was last taken, or nothing waited. */
  progressMs: number
}

export interface ConnectionsParts {
  /** Open at once. */
  readonly max: number
  /** From one address that is not of this host, where a proxy may stand for everybody. */
  readonly addressMax: number
  readonly clock: Pick<Clock, 'nowMs' | 'setTimer'>
  readonly log: Pick<Log, 'warn'>
  readonly observer: Pick<HttpObserver, 'handleConnectionEnd'>
}

export class Connections {
  readonly #parts: ConnectionsParts
  /** By remote address and port: a connection is told of twice under TLS, by two sockets. */
  readonly #open = new Map<string, Connection>()
  /** The one that has been so for longest first. */
  readonly #idle = new Set<Connection>()
  readonly #bySource = new Map<string, number>()
  readonly #excess = new WeakSet<IncomingMessage>()
  #timer: Timer | null = null
  #quiet: Timer | null = null
  #untold = { stalled: 0, full: 0, refused: 0 }

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#open.size
  }

  /** Before the server's own listeners, so that what they are told of is known here. */
  follow(server: EventEmitter): void {
    server.prependListener('connection', (socket: ClientSocket) => { this.#handleOpened(socket) })
    server.prependListener('secureConnection', (socket: ClientSocket) => {
      const connection = this.#of(socket)
      if (connection !== undefined) connection.socket = socket
    })
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => { this.#handleRequest(request, response) })
  }

  /** Something of an answer is on its way, so that nothing else can be said; or nobody knows the connection. */
  isAnswered(socket: ClientSocket): boolean {
    const connection = this.#of(socket)
    return connection === undefined || [...connection.answering.keys()].some(({ headersSent }) => headersSent)
  }

  /** It came while too many others of its connection waited. */
  isExcess(request: IncomingMessage): boolean {
    return this.#excess.has(request)
  }

  close(): void {
    this.#timer?.cancel()
    this.#quiet?.cancel()
    this.#timer = this.#quiet = null
  }

  #of(socket: ClientSocket): Connection | undefined {
    return this.#open.get(keyOf(socket))
  }

  #handleOpened(socket: ClientSocket): void {
    const { remoteAddress } = socket
    // Gone before it was looked at.
    if (remoteAddress === undefined) {
      socket.destroy()
      return
    }
    const { max, addressMax, clock } = this.#parts
    const source = sourceOf(remoteAddress)
    const isCrowd = !isLoopback(source) && (this.#bySource.get(source) ?? 0) >= addressMax
    if (isCrowd || this.#open.size >= max) {
      const victim = this.#victim(isCrowd ? source : null)
      if (victim === null) {
        socket.destroy()
        this.#tell('refused')
        return
      }
      this.#end(victim, 'full')
    }
    const connection: Connection = { key: keyOf(socket), source, socket, answering: new Map(), takenBytes: 0, progressMs: clock.nowMs() }
    this.#open.set(connection.key, connection)
    this.#idle.add(connection)
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1)
    socket.once('close', () => { this.#forget(connection) })
    this.#timer ??= this.#arm()
  }

  #handleRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#of(request.socket)
    if (connection === undefined) return
    connection.answering.set(response, request)
    if (connection.answering.size > PIPELINED_MAX) this.#excess.add(request)
    this.#idle.delete(connection)
    response.once('close', () => {
      connection.answering.delete(response)
      if (connection.answering.size === 0 && this.#isOpen(connection)) this.#idle.add(connection)
    })
  }

  /** Who makes way: of those from there, or of all. */
  #victim(source: string | null): Connection | null {
    const isAsked = (connection: Connection): boolean => source === null || connection.source === source
    for (const connection of this.#idle) if (isAsked(connection)) return connection
    const nowMs = this.#parts.clock.nowMs()
    for (const connection of this.#open.values()) {
      const isSlow = nowMs - connection.progressMs >= slowMs
      if (isAsked(connection) && (isSlow || [...connection.answering.values()].some(({ complete }) => !complete))) return connection
    }
    return null
  }

  #handleCheck(): void {
    const nowMs = this.#parts.clock.nowMs()
    for (const connection of [...this.#open.values()]) {
      const { bytesWritten, writableLength } = connection.socket
      const takenBytes = bytesWritten - writableLength
      if (writableLength === 0 || takenBytes !== connection.takenBytes) Object.assign(connection, { takenBytes, progressMs: nowMs })
      // A large piece counts when all of it is taken.
      else if (nowMs - connection.progressMs >= HTTP_STALL_MS * Math.ceil(writableLength / stallBytes)) this.#end(connection, 'stalled')
    }
  }

  #arm(): Timer {
    return this.#parts.clock.setTimer(checkIntervalMs, () => {
      this.#handleCheck()
      this.#timer = this.#open.size === 0 ? null : this.#arm()
    })
  }

  /** Its place is free at once, though its `close` comes later. */
  #end(connection: Connection, reason: ConnectionEnd): void {
    this.#forget(connection)
    this.#tell(reason)
    connection.socket.destroy()
  }

  #isOpen(connection: Connection): boolean {
    return this.#open.get(connection.key) === connection
  }

  #forget(connection: Connection): void {
    if (!this.#isOpen(connection)) return
    const { key, source } = connection
    this.#open.delete(key)
    this.#idle.delete(connection)
    const others = (this.#bySource.get(source) ?? 1) - 1
    if (others === 0) this.#bySource.delete(source)
    else this.#bySource.set(source, others)
  }

  /** The first at once, what comes within the next minute together. */
  #tell(reason: ConnectionEnd): void {
    this.#parts.observer.handleConnectionEnd(reason)
    this.#untold[reason]++
    if (this.#quiet === null) this.#log()
  }

  #log(): void {
    this.#parts.log.warn({ ...this.#untold, open: this.#open.size }, 'connections of HTTP were closed: their readers took nothing for too long (stalled), or there was no room (full: the idle one; refused: the new one)')
    this.#untold = { stalled: 0, full: 0, refused: 0 }
    this.#quiet = this.#parts.clock.setTimer(quietMs, () => {
      this.#quiet = null
      const { stalled, full, refused } = this.#untold
      if (stalled + full + refused > 0) this.#log()
    })
  }
}

function keyOf({ remoteAddress, remotePort }: ClientSocket): string {
  return `${remoteAddress} ${remotePort}`
}
