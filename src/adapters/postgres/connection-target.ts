/** Where a PostgreSQL database is, from its URL. Nothing here loads the client: options are read by nodes that have no such database, too. */
import { MeshError } from '../../errors.ts'

export interface ConnectionTarget {
  /** For messages and logs: `user@host:port/database`. */
  readonly shown: string
  /** The URL without the settings that are this adapter's own. */
  readonly connectionString: string
  /** Of the pool; one more connection watches the server. */
  readonly connectionsMax: number
  /** Holds the password; null: PGPASSFILE, `~/.pgpass` or PGPASSWORD. */
  readonly passFile: string | null
}

export const CONNECTIONS_MAX_DEFAULT = 10
const CONNECTIONS_MAX = 1000
const FORM = 'Write postgres://user@host:port/database, with ?connections=10 for the size of the pool and ?passfile=/path for the password.'
const PASSWORD_STEP = 'Process listings show command lines. Put the password into a file named by ?passfile=/path or PGPASSFILE (mode 0600, lines of host:port:database:user:password), or into PGPASSWORD.'

/** In capitals as well, with a slash too few or of another kind: taken for a path, it would be repeated in messages, with its password. */
export function isUrl(path: string): boolean {
  return /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|postgres(?:ql)?:)/i.test(path)
}

/** The text is never repeated in a message: it may hold a password. @throws MeshError ERR_OPTION_INVALID */
export function parseConnectionTarget(database: string, url: string): ConnectionTarget {
  const refuse = (what: string, nextStep = FORM): MeshError => new MeshError('ERR_OPTION_INVALID', `the URL of the database ${database} ${what}`, { nextStep, details: { database } })
  if (!/^postgres(?:ql)?:\/\//i.test(url)) throw refuse('is not one that begins with postgres://')
  let parsed: URL
  try {
    // Without a host the socket or host comes from the parameter `host` or from PGHOST; URL insists on one before a user.
    parsed = new URL(url.replace('@/', '@local-socket/'))
  } catch {
    throw refuse('cannot be read')
  }
  const withoutHost = url.includes('@/')
  if (parsed.password !== '' || parsed.searchParams.has('password')) throw refuse('holds a password', PASSWORD_STEP)
  if (parsed.pathname.length < 2) throw refuse('names no database')
  const connections = parsed.searchParams.get('connections')
  const connectionsMax = connections === null ? CONNECTIONS_MAX_DEFAULT : /^\d{1,4}$/.test(connections) ? Number(connections) : 0
  if (connectionsMax < 1 || connectionsMax > CONNECTIONS_MAX) throw refuse(`asks for a pool of ${JSON.stringify(connections)}; it takes 1 to ${CONNECTIONS_MAX} connections`)
  const passFile = parsed.searchParams.get('passfile')
  if (passFile === '') throw refuse('has an empty passfile')
  const host = parsed.searchParams.get('host') ?? (withoutHost ? '' : parsed.host)
  const shown = `${parsed.username === '' ? '' : `${decodeURIComponent(parsed.username)}@`}${host}${decodeURIComponent(parsed.pathname)}`
  parsed.searchParams.delete('connections')
  parsed.searchParams.delete('passfile')
  return { shown, connectionString: withoutHost ? parsed.href.replace('@local-socket/', '@/') : parsed.href, connectionsMax, passFile }
}
