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
