/** What a shell does with a line, wherever it came from: SQL is run and shown, commands with a dot are the shell's own. */
import type { Client } from '../../client/types.ts'
import { MeshError } from '../../errors.ts'
import type { ControlRequest, ExplainView, NodesView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { errorExitCode, errorText } from '../error-text.ts'
import { formatCount, formatDuration } from '../format.ts'
import { ask } from '../local-node.ts'
import { Progress } from '../query/progress.ts'
import { loadWriter, type OutputFormat } from '../query/result-writer.ts'
import { routeNotice } from '../query/route-text.ts'
import { sqlExcerpt } from '../query/sql-excerpt.ts'
import { Catalog, readCatalog } from './catalog.ts'
import { dotCommands, helpText } from './dot-commands.ts'
import { limited } from './limited-result.ts'
import { ShellSession } from './shell-session.ts'
import { isSurelyRead, type Statement } from './statements.ts'

/** A screen or a few; what is more is for files. */
const rowsShownDefault = 200

export interface ShellOptions {
  readonly database: string
  readonly dataDir: string
  readonly format: OutputFormat
  readonly timeoutMs: number
  /** Somebody sits there: results are bounded, and what happened is said. */
  readonly isInteractive: boolean
}

export class Shell {
  readonly database: string
  readonly session: ShellSession
  readonly catalog: Catalog
  readonly #options: ShellOptions
  readonly #context: CliContext
  #rowsMax: number
  #isTiming: boolean

  constructor(options: ShellOptions, context: CliContext) {
    this.#options = options
    this.#context = context
    this.database = options.database
    this.#rowsMax = options.isInteractive ? rowsShownDefault : Infinity
    this.#isTiming = options.isInteractive
    const connect = async (signal: AbortSignal): Promise<Client> => await (await context.parts.client()).connect({ dataDir: options.dataDir, signal })
    this.session = new ShellSession({ database: options.database, timeoutMs: options.timeoutMs, connect })
    this.catalog = new Catalog({ nowMs: () => context.nowMs(), read: async () => await readCatalog(await this.session.client(AbortSignal.timeout(options.timeoutMs)), options.database) })
  }

  /** Resolves with its exit code, 0 when all went well; what went wrong is on stderr. A piped one is told with its line. */
  async run(statement: Statement, signal: AbortSignal): Promise<number> {
    try {
      await this.#query(statement.sql, signal)
      return 0
    } catch (error) {
      return await this.#report(error, { statement, signal })
    }
  }

  /** Resolves with null to leave, otherwise as `run`. `text` begins with a dot. */
  async command(text: string, { line, signal }: { readonly line: number; readonly signal: AbortSignal }): Promise<number | null> {
    const [, name = '', argument = ''] = /^(\.\S*)\s*([^]*?)\s*;?\s*$/.exec(text) ?? []
    if (name === '.quit' || name === '.exit') return null
    try {
      await this.#command(name, argument, signal)
      return 0
    } catch (error) {
      return await this.#report(error, { statement: { sql: argument, line, sqlLine: line }, signal })
    }
  }

  /** @throws MeshError ERR_NO_NODE, ERR_DATABASE_UNKNOWN */
  async nodes(signal: AbortSignal): Promise<NodesView> {
    return await this.#ask<NodesView>({ method: 'nodes', database: this.database }, signal)
  }

  async #command(name: string, argument: string, signal: AbortSignal): Promise<void> {
    const { stdout, wallMs } = this.#context
    switch (name) {
      case '.help':
        return await stdout.write(helpText())
      case '.nodes': {
        const { nodesTable } = await import('../nodes-table.ts')
        return await stdout.write(nodesTable(await this.nodes(signal), { nowWallMs: wallMs(), output: stdout }))
      }
      case '.explain': {
        if (argument === '') throw new MeshError('ERR_OPTION_INVALID', '.explain needs a statement', { nextStep: 'Write it behind: .explain SELECT 1' })
        const { explainTable } = await import('../explain-table.ts')
        return await stdout.write(explainTable(await this.#ask<ExplainView>({ method: 'explain', database: this.database, sql: argument, hints: '', priority: 'normal' }, signal), stdout))
      }
      case '.tables':
        return await this.#showTables(signal)
      case '.timing':
        if (argument !== 'on' && argument !== 'off') throw new MeshError('ERR_OPTION_INVALID', `.timing is on or off, and is ${this.#isTiming ? 'on' : 'off'}`)
        this.#isTiming = argument === 'on'
        return
      case '.rows': {
        const rows = argument === 'all' ? Infinity : /^[1-9]\d{0,8}$/.test(argument) ? Number(argument) : null
        if (rows === null) throw new MeshError('ERR_OPTION_INVALID', `.rows takes a number from 1, or all; ${this.#rowsMax === Infinity ? 'all' : formatCount(this.#rowsMax)} are shown now`)
        this.#rowsMax = rows
        return
      }
      default:
        throw new MeshError('ERR_OPTION_UNKNOWN', `${name} is no command of the shell`, { nextStep: `.help lists them: ${dotCommands.map((command) => command.name).join(', ')}` })
    }
  }

  async #showTables(signal: AbortSignal): Promise<void> {
    const { stdout } = this.#context
    const [tables, { drawTable }] = await Promise.all([readCatalog(await this.session.client(signal), this.database, signal), import('../table.ts')])
    if (tables.length === 0) return await stdout.write('No tables.\n')
    // What is listed names many columns; a terminal's line holds some of them.
    const nameWidth = Math.max('Table'.length, ...tables.map(({ name }) => name.length))
    const room = stdout.isTerminal ? Math.max(20, stdout.columns() - nameWidth - 7) : Infinity
    await stdout.write(drawTable([{ title: 'Table' }, { title: 'Columns' }], tables.map(({ name, columns }) => [name, shortened(columns.map((column) => column.name).join(', '), room)]), stdout))
  }

  async #query(sql: string, signal: AbortSignal): Promise<void> {
    const { stdout, stderr } = this.#context
    const { format, isInteractive } = this.#options
    const progress = new Progress({ output: stderr, nowMs: () => this.#context.nowMs(), sharesTerminal: stdout.isTerminal })
    const startedMs = this.#context.nowMs()
    try {
      const answer = await this.session.run(sql, signal)
      if (typeof answer === 'string') {
        await progress.end()
        return isInteractive ? await stderr.write(`${answer}\n`) : undefined
      }
      const notice = routeNotice(answer.route)
      if (notice !== null) {
        await progress.pause()
        await stderr.write(`${answer.route?.decision === 'forward' ? notice : stderr.style('yellow', notice)}\n`)
      }
      const result = limited(answer.result, { rowsMax: this.#rowsMax, mayLeave: isSurelyRead(sql), progress })
      const { shortened: cut } = await (await loadWriter(format))(result, stdout)
      await progress.end()
      if (cut > 0) await stderr.write(`${formatCount(cut)} ${cut === 1 ? 'value was' : 'values were'} cut to fit the terminal.\n`)
      if (isInteractive || this.#isTiming) await stderr.write(this.#endText(result, this.#context.nowMs() - startedMs))
      if (!isSurelyRead(sql)) this.catalog.forget()
    } finally {
      await progress.end()
    }
  }

  #endText(result: ReturnType<typeof limited>, totalMs: number): string {
    const hidden = result.hidden()
    const shown = result.shown()
    const rows = hidden === null ? `The first ${formatCount(shown)} rows; there are more (.rows all shows them)` : hidden > 0 ? `The first ${formatCount(shown)} of ${formatCount(shown + hidden)} rows (.rows all shows them)` : `${formatCount(shown)} ${shown === 1 ? 'row' : 'rows'}`
    if (!this.#isTiming) return `${rows}\n`
    const trailer = result.trailer()
    const engine = trailer === null ? '' : `, ${formatDuration(trailer.engineMs)} of it in the engine`
    return `${rows}, in ${formatDuration(totalMs)}${engine}${result.route === null ? '' : `, on ${result.route.executedBy.name}`}\n`
  }

  async #report(error: unknown, { statement: { sql, line, sqlLine }, signal }: { readonly statement: Statement; readonly signal: AbortSignal }): Promise<number> {
    const { stderr } = this.#context
    // A closed output is nobody's error, and ends the shell as it ends every command.
    if (!(error instanceof MeshError) && !signal.aborted) throw error
    if (signal.aborted && (!(error instanceof MeshError) || error.code === 'ERR_QUERY_CANCELLED')) {
      await stderr.write(`Cancelled.${this.session.transactionState === 'failed' ? ' ROLLBACK ends the transaction.' : ''}\n`)
      return 130
    }
    const { position } = error instanceof MeshError ? error.details : {}
    const { isInteractive } = this.#options
    if (typeof position === 'number') {
      // Typed lines have no numbers that anybody knows.
      const before = isInteractive ? 0 : sqlLine - 1
      await stderr.write(sqlExcerpt(`${'\n'.repeat(before)}${sql}`, before + position))
    }
    await stderr.write(`${isInteractive ? '' : `line ${line}: `}${errorText(error, this.#context)}`)
    return errorExitCode(error)
  }

  async #ask<View>(request: ControlRequest, signal: AbortSignal): Promise<View> {
    return await ask<View>(this.#context, { dataDir: this.#options.dataDir }, request, signal)
  }
}

function shortened(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`
}
