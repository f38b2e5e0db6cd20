/**
 * A shell on a terminal: node:readline edits the line, keeps the history and asks for completions. While a statement runs the line editor is mute, and
 * what is typed or pasted meanwhile is taken up afterwards, with its prompt, as if it had been typed then.
 */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { MeshError } from '../../errors.ts'
import { softwareVersion } from '../../node/version.ts'
import { type CliContext, signalExitCodes, type StopSignal } from '../context.ts'
import { complete } from './completion.ts'
import { asOneLine, historyPath, HISTORY_ENTRIES_MAX, isKept, ShellHistory } from './history.ts'
import type { Shell } from './shell.ts'
import { StatementReader, STATEMENT_CHARACTERS_MAX } from './statements.ts'

/** Of a paste; what is beyond it waits in the terminal. */
const linesWaitingMax = 10_000

/** Resolves with the exit code: 0, or that of the signal that ended it. @throws MeshError when there is no node at the start */
export async function runInteractive(shell: Shell, context: CliContext): Promise<number> {
  const starting = new AbortController()
  const release = context.onSignal((signal) => { context.exitNow(signal) })
  try {
    await greet(shell, context, starting.signal)
  } finally {
    release()
  }
  const { history, entries } = await openHistory(context)
  return await new TerminalShell(shell, context, history).run(entries)
}

async function greet(shell: Shell, context: CliContext, signal: AbortSignal): Promise<void> {
  const view = await shell.nodes(signal)
  const copies = view.nodes.length
  const local = view.nodes.find(({ type }) => type === 'local')
  await context.stdout.write(`rdb ${softwareVersion}: ${context.stdout.style('bold', shell.database)}, ${copies} ${copies === 1 ? 'copy' : 'copies'}${local === undefined ? ', none of them here' : `, one of them here (${local.name})`}. .help lists the commands, Ctrl-D leaves.\n`)
}

async function openHistory({ env, stderr }: CliContext): Promise<{ readonly history: ShellHistory | null; readonly entries: string[] }> {
  try {
    return await ShellHistory.open(historyPath(env))
  } catch (error) {
    await stderr.write(`Nothing is remembered of this shell: ${(error as Error).message}\n`)
    return { history: null, entries: [] }
  }
}

class TerminalShell {
  readonly #shell: Shell
  readonly #context: CliContext
  readonly #history: ShellHistory | null
  readonly #reader = new StatementReader()
  readonly #waiting: string[] = []
  readonly #ended = Promise.withResolvers<number>()
  /** As readline holds it, the latest first. */
  #entries: string[] = []
  /** Of the statement under way, as they were typed. */
  #typed: string[] = []
  #running: AbortController | null = null
  #isMute = false
  #editor: Interface | null = null
  #exitCode = 0
  #isClosed = false

  constructor(shell: Shell, context: CliContext, history: ShellHistory | null) {
    this.#shell = shell
    this.#context = context
    this.#history = history
  }

  async run(entries: string[]): Promise<number> {
    const terminal = process.stdout
    const output = Object.assign(new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // At once: what readline writes before it tells of a line must not wait until the editor is mute.
        if (!this.#isMute) terminal.write(chunk)
        done()
      },
    }), { columns: terminal.columns, rows: terminal.rows, isTTY: true })
    const resize = (): void => {
      Object.assign(output, { columns: terminal.columns, rows: terminal.rows })
      output.emit('resize')
    }
    terminal.on('resize', resize)
    const editor = createInterface({
      input: process.stdin, output, terminal: true, history: entries, historySize: HISTORY_ENTRIES_MAX, removeHistoryDuplicates: true, tabSize: 4,
      completer: (line: string, done: (error: null, offered: [string[], string]) => void) => {
        // The first time there is something to wait for, but not for long.
        const offer = (): void => { done(null, complete(line, { statement: this.#pending(), tables: this.#shell.catalog.tables })) }
        if (this.#shell.catalog.tables.length > 0) offer()
        else void Promise.race([this.#shell.catalog.refresh(), new Promise((resolve) => { setTimeout(resolve, 1_000).unref() })]).then(offer)
      },
    })
    this.#editor = editor
    editor.on('history', (lines: string[]) => { this.#entries = lines })
    editor.on('line', (line) => { this.#handleLine(line) })
    editor.on('SIGINT', () => { this.#interrupt() })
    editor.on('close', () => { this.#close() })
    const release = this.#context.onSignal((signal) => { this.#handleSignal(signal) })
    void this.#shell.catalog.refresh()
    this.#prompt()
    try {
      return await this.#ended.promise
    } finally {
      release()
      terminal.off('resize', resize)
      editor.close()
    }
  }

  /** What stands before the line that is being typed. */
  #pending(): string {
    return this.#typed.map((line) => `${line}\n`).join('')
  }

  #prompt(): void {
    if (this.#isClosed) return
    this.#isMute = false
    this.#editor?.setPrompt(this.#promptText())
    this.#editor?.prompt(true)
  }

  #promptText(): string {
    const { database, session } = this.#shell
    const mark = { none: '', open: '*', failed: '!' }[session.transactionState]
    const head = `${database}${mark}`
    return this.#reader.isOpen ? `${'.'.repeat(head.length)}> ` : `${head}> `
  }

  #handleLine(line: string): void {
    if (this.#running !== null || this.#waiting.length > 0) {
      if (this.#waiting.length < linesWaitingMax) this.#waiting.push(line)
      return
    }
    this.#take(line).catch((error: unknown) => { this.#ended.reject(error as Error) })
  }

  async #take(first: string): Promise<void> {
    let line: string | undefined = first
    while (line !== undefined && !this.#isClosed) {
      this.#isMute = true
      const controller = new AbortController()
      this.#running = controller
      const goesOn = await this.#run(line, controller.signal)
      this.#running = null
      if (!goesOn) {
        this.#close()
        return
      }
      line = this.#waiting.shift()
      if (line !== undefined && !this.#isClosed) await this.#context.stdout.write(`${this.#promptText()}${line}\n`)
    }
    if (this.#isClosed) return
    this.#prompt()
    void this.#shell.catalog.refresh()
  }

  /** Answers whether the shell goes on. */
  async #run(line: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#reader.isOpen && /^\s*\./.test(line)) {
      await this.#remember([line])
      return await this.#shell.command(line.trim(), { line: 1, signal }) !== null
    }
    this.#typed.push(line)
    const statements = this.#reader.push(`${line}\n`)
    if (this.#reader.isTooLong) {
      this.#reader.discard()
      this.#typed = []
      await this.#context.stderr.write(`A statement has more than ${STATEMENT_CHARACTERS_MAX} characters: it was discarded.\n`)
    }
    if (!this.#reader.isOpen) {
      const typed = this.#typed
      this.#typed = []
      await this.#remember(typed)
    }
    for (const statement of statements) {
      // Ctrl-C ends what came in one line with it.
      if (signal.aborted) break
      await this.#shell.run(statement, signal)
    }
    return true
  }

  /** A statement of several lines comes back as one. */
  async #remember(typed: readonly string[]): Promise<void> {
    const lines = typed.filter((line) => line.trim() !== '')
    const whole = asOneLine(lines.join('\n'))
    const kept = whole === null ? lines : [whole]
    if (lines.length > 1 && whole !== null) {
      const added = this.#entries.findIndex((entry) => !lines.includes(entry))
      this.#entries.splice(0, added < 0 ? this.#entries.length : added, whole)
    }
    // Readline remembers a line that begins with a space, too.
    if (lines.length === 1 && lines[0]?.startsWith(' ') === true && this.#entries[0] === lines[0]) this.#entries.shift()
    for (const entry of kept) if (isKept(entry)) await this.#history?.add(entry).catch(() => undefined)
  }

  /** Ctrl-C. */
  #interrupt(): void {
    if (this.#running !== null) {
      this.#waiting.length = 0
      this.#running.abort(new MeshError('ERR_QUERY_CANCELLED', 'the statement was cancelled'))
      return
    }
    this.#reader.discard()
    this.#typed = []
    const editor = this.#editor
    if (editor === null) return
    process.stdout.write('^C\n')
    editor.write(null, { ctrl: true, name: 'e' })
    editor.write(null, { ctrl: true, name: 'u' })
    this.#prompt()
  }

  #handleSignal(signal: StopSignal): void {
    if (signal === 'SIGINT') return this.#interrupt()
    this.#exitCode = signalExitCodes[signal]
    this.#close()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#running?.abort(new MeshError('ERR_QUERY_CANCELLED', 'the shell was left'))
    this.#leave().then(() => { this.#ended.resolve(this.#exitCode) }, (error: unknown) => { this.#ended.reject(error as Error) })
  }

  async #leave(): Promise<void> {
    if (!this.#isMute) await this.#context.stdout.write('\n')
    if (await this.#shell.session.close()) await this.#context.stderr.write('The open transaction was rolled back.\n')
  }
}
