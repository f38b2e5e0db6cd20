import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MeshError } from '../../errors.ts'
import type { CliContext } from '../context.ts'

/** The statement: the argument, a file, or the standard input. @throws MeshError ERR_OPTION_INVALID */
export async function readSql(argument: string | undefined, file: string | undefined, { stdin, cwd }: Pick<CliContext, 'stdin' | 'cwd'>): Promise<string> {
  if (argument !== undefined && argument !== '-' && file !== undefined) throw new MeshError('ERR_OPTION_INVALID', 'SQL was given both as an argument and by --file', { nextStep: 'Give one of them.' })
  const sql = file === '-' ? await stdin.read() : file !== undefined ? await readSqlFile(resolve(cwd, file), file) : argument !== undefined && argument !== '-' ? argument : await readInput(argument, stdin)
  if (sql.trim() === '') throw new MeshError('ERR_OPTION_INVALID', 'there is no SQL to run', { nextStep: 'Give it as an argument, by --file, or on the standard input.' })
  return sql
}

/** Those of a transaction, which stand on the command line, or the one statement. @throws MeshError ERR_OPTION_INVALID */
export async function readStatements(
  given: readonly string[], { transaction, readOnly, file, param }: { readonly transaction?: true; readonly readOnly?: true; readonly file?: string; readonly param: readonly string[] }, context: Pick<CliContext, 'stdin' | 'cwd'>,
): Promise<readonly string[]> {
  const refuse = (message: string, nextStep: string): never => { throw new MeshError('ERR_OPTION_INVALID', message, { nextStep }) }
  if (transaction !== true) {
    if (given.length > 1) refuse(`${given.length} statements were given`, 'Quote the statement as one argument, or run them together with --transaction.')
    if (readOnly === true) refuse('--read-only is for transactions', 'Give it with --transaction; whether a single statement only reads, the node sees by itself.')
    return [await readSql(given[0], file, context)]
  }
  if (file !== undefined) refuse('--file gives one statement, and --transaction takes them as arguments', 'Give each statement as an argument of its own.')
  if (param.length > 0) refuse('--param does not say of which statement it is a value', 'Write values into the statements, or use the library: connection.transaction().')
  if (given.length === 0 || given.some((sql) => sql.trim() === '')) refuse('a transaction needs its statements', 'Give each statement as an argument of its own.')
  return given
}

async function readInput(argument: string | undefined, stdin: CliContext['stdin']): Promise<string> {
  // Waiting for someone to type, without saying so, looks like a hang. A `-` asks for exactly that.
  if (stdin.isTerminal && argument !== '-') throw new MeshError('ERR_OPTION_INVALID', 'there is no SQL to run', { nextStep: 'Give it as an argument, by --file, or on the standard input; - reads from the terminal.' })
  return await stdin.read()
}

async function readSqlFile(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new MeshError('ERR_OPTION_INVALID', `--file ${shown} cannot be read: ${(error as Error).message}`, { nextStep: 'Check the path and its permissions.', cause: error })
  }
}
