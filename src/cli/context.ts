/** All that a command touches of its process, so that tests can hand it something else. */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { styleText } from 'node:util'
import { MeshError } from '../errors.ts'
import type { Client, ConnectOptions } from '../client/types.ts'
import type { NodeOrigin } from '../node/node.ts'
import type { NodeOptions } from '../node/options.ts'
import type { Log } from '../ports/log.ts'
import type { ControlRequest } from '../wire/control.ts'
import type { DetachedNode, DetachedStart } from './daemon.ts'

export type StopSignal = 'SIGINT' | 'SIGTERM'
export const signalExitCodes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 }

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface TextOutput {
  readonly isTerminal: boolean
  /** Of the terminal, now; 80 elsewhere. */
  columns(): number
  /** Of the terminal, now; 24 elsewhere. */
  rows(): number
  /**
   * Resolves when more may be written. On stdout rejects with OutputClosed when the reader has gone away, and with MeshError ERR_OUTPUT when
   * what was to be written is lost.
   */
  write(data: string | Uint8Array): Promise<void>
  /** The text as it is where colour is not wanted. */
  style(style: Style, text: string): string
}

export interface ControlTarget {
  readonly dataDir: string
}

export interface ControlCalls {
  callControlOnce(target: ControlTarget, request: ControlRequest, signal?: AbortSignal): Promise<unknown>
  callControl(target: ControlTarget, request: ControlRequest, signal?: AbortSignal): AsyncIterable<unknown>
  untilGone(target: ControlTarget, signal: AbortSignal): Promise<void>
  isStillNoted(target: ControlTarget): Promise<boolean>
}

export interface RunningNode {
  stop(reason: string): Promise<void>
  /** Settles when it has stopped. */
  readonly done: Promise<void>
}

/** The heavy parts, imported only by the commands that need them. */
export interface Parts {
  client(): Promise<{ connect(options?: ConnectOptions): Promise<Client> }>
  control(): Promise<ControlCalls>
  daemon(): Promise<{ startDetached(start: DetachedStart): Promise<DetachedNode> }>
  node(): Promise<{ startOperatedNode(options: NodeOptions, parts: { readonly log: Log; readonly origin: NodeOrigin }): Promise<RunningNode> }>
}

export interface CliContext {
  readonly stdout: TextOutput
  readonly stderr: TextOutput
  readonly stdin: { readonly isTerminal: boolean; read(): Promise<string>; /** As it comes, instead of all at once. */ chunks(): AsyncIterable<string> }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly parts: Parts
  wallMs(): number
  nowMs(): number
  /** Until the returned function is called, signals come here instead of ending the process. */
  onSignal(handler: (signal: StopSignal) => void): () => void
  /** Tells the process that started this one, where that listens. Whether it does not any more is all the same. */
  tellParent(message: string): Promise<void>
  /** Dies by that signal, here and now. */
  exitNow(signal: StopSignal): void
}

/** The reader of an output has gone away, as `head` does: end quietly. */
export class OutputClosed extends Error {}

/** Ends the command with an exit code and no message. */
export class Exit extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`exit ${exitCode}`)
    this.exitCode = exitCode
  }
}

const sqlBytesMax = 64 << 20

export function processContext(argv: readonly string[]): CliContext {
  const { stdin, env } = process
  return {
    stdout: textOutput(process.stdout, { argv, isResult: true }),
    stderr: textOutput(process.stderr, { argv, isResult: false }),
    stdin: { isTerminal: stdin.isTTY, read: () => readAll(stdin), chunks: () => stdin.setEncoding('utf8') as AsyncIterable<string> },
    env,
    cwd: process.cwd(),
    parts: {
      client: () => import('../client/connect.ts'),
      control: () => import('../client/control.ts'),
      daemon: () => import('./daemon.ts'),
      node: () => import('../operations/start-operated-node.ts'),
    },
    wallMs: () => Date.now(),
    nowMs: () => performance.now(),
    onSignal(handler) {
      const handlers = (['SIGINT', 'SIGTERM'] as const).map((signal) => [signal, () => handler(signal)] as const)
      for (const [signal, listener] of handlers) process.on(signal, listener)
      return () => {
        for (const [signal, listener] of handlers) process.off(signal, listener)
      }
    },
    tellParent: (message) => new Promise((resolve) => {
      if (process.send === undefined || !process.connected) resolve()
      else process.send(message, undefined, undefined, () => { resolve() })
    }),
    // Not process.exit: that waits for native threads, and an engine's may be busy for hours.
    exitNow: (signal) => {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    },
  }
}

/** A pipe's reader ends with EPIPE; that of a socket with unread data, as between some parents and children, with ECONNRESET. */
const readerGoneCodes: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET'])

function writeFailure(error: NodeJS.ErrnoException): Error {
  if (readerGoneCodes.has(error.code)) return new OutputClosed(error.message, { cause: error })
  return new MeshError('ERR_OUTPUT', `the output cannot be written: ${error.message}`, { details: { errno: error.code ?? null }, cause: error })
}

function textOutput(stream: NodeJS.WriteStream, { argv, isResult }: { readonly argv: readonly string[]; readonly isResult: boolean }): TextOutput {
  let failure: Error | null = null
  stream.on('error', (error) => {
    failure ??= writeFailure(error)
  })
  const isTerminal = stream.isTTY
  const color = isTerminal && !argv.includes('--no-color') && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
  return {
    isTerminal,
    columns: () => (isTerminal ? stream.columns : 80),
    rows: () => (isTerminal ? stream.rows : 24),
    async write(data) {
      // Waiting for the callback, not only for `drain`, so that a broken pipe is noticed at this write.
      if (failure === null) await writeAll(stream, data).catch((error: unknown) => { failure ??= writeFailure(error as NodeJS.ErrnoException) })
      // Nothing can be said of a stderr that fails, and the result on stdout is not to be lost for it.
      if (failure !== null && isResult) throw failure
    },
    style: (style, text) => (color ? styleText(style, text, { validateStream: false }) : text),
  }
}

async function writeAll(stream: NodeJS.WriteStream, data: string | Uint8Array): Promise<void> {
  if (stream instanceof Socket) {
    return await new Promise<void>((resolve, reject) => {
      stream.write(data, (error) => { if (error === null || error === undefined) resolve(); else reject(error) })
    })
  }
  // Node's stream for files takes a short write, which is how a disk becomes full, for a whole one.
  const { fd } = stream as { fd: number }
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length
    if (bytes > sqlBytesMax) throw new MeshError('ERR_QUERY_TOO_LARGE', 'more than 64 MiB came from the standard input')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
