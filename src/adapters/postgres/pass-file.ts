/** A password file of one database, in libpq's form, so that databases of one node may have files of their own. */
import { readFile, stat } from 'node:fs/promises'
import { MeshError } from '../../errors.ts'

export interface PassFileKey {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

const FILE_BYTES_MAX = 1 << 20
const OTHERS_MODE = 0o077

/** The password of the first line that matches; null when none does. Read anew for each connection, so that a changed password is taken up. @throws MeshError ERR_DATABASE_PATH */
export async function readPassFile(path: string, key: PassFileKey): Promise<string | null> {
  const refuse = (why: string, cause?: unknown): MeshError => new MeshError('ERR_DATABASE_PATH', `the password file ${path} ${why}`, { details: { path, database: key.database }, nextStep: 'Give a file with lines of host:port:database:user:password and the mode 0600.', cause })
  let text: string
  try {
    const { mode, size } = await stat(path)
    if ((mode & OTHERS_MODE) !== 0) throw refuse('may be read by others')
    if (size > FILE_BYTES_MAX) throw refuse('is larger than 1 MiB')
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw error instanceof MeshError ? error : refuse(`cannot be read: ${(error as Error).message}`, error)
  }
  return passwordIn(text, key)
}

/** `*` matches anything; a backslash takes the next character as it is. A socket's folder is looked for as `localhost`, too, as libpq does. */
export function passwordIn(text: string, { host, port, database, user }: PassFileKey): string | null {
  const hosts = host === '' || host.startsWith('/') ? [host, 'localhost'] : [host]
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue
    const fields = splitFields(line)
    if (fields === null) continue
    const [lineHost, linePort, lineDatabase, lineUser, password] = fields
    const matches = (pattern: string, ...values: readonly string[]): boolean => pattern === '*' || values.includes(pattern)
    if (matches(lineHost, ...hosts) && matches(linePort, String(port)) && matches(lineDatabase, database) && matches(lineUser, user)) return password
  }
  return null
}

function splitFields(line: string): [string, string, string, string, string] | null {
  const fields = ['']
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at)
    if (character === '\\' && at + 1 < line.length) fields[fields.length - 1] += line.charAt(++at)
    else if (character === ':' && fields.length < 5) fields.push('')
    else fields[fields.length - 1] += character
  }
  return fields.length === 5 ? (fields as [string, string, string, string, string]) : null
}
