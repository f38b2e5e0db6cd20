/** The client of every connection to one server: values as text, in forms that do not depend on the server's settings. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { ConnectionTarget } from './connection-target.ts'
import { readPassFile } from './pass-file.ts'

/** As startup options, so that they are what RESET goes back to. */
const SESSION = { DateStyle: 'ISO', IntervalStyle: 'postgres', TimeZone: 'UTC', bytea_output: 'hex', extra_float_digits: '1' } as const
const CONNECT_TIMEOUT_MS = 5_000

/** No value is read by the client: the text is what columns are built from. */
export const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value }

export function clientConfig({ connectionString }: ConnectionTarget): pg.ClientConfig {
  const options = Object.entries(SESSION).map(([name, value]) => `-c ${name}=${value}`).join(' ')
  return { connectionString, options, application_name: 'reedbase-mesh', connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true, types: asText }
}

/** As libpq finds it; null when there is none. The client's own way to it is deprecated. */
function defaultPassFile(): string | null {
  const { PGPASSFILE } = process.env
  if (PGPASSFILE !== undefined && PGPASSFILE !== '') return PGPASSFILE
  const path = join(homedir(), '.pgpass')
  return existsSync(path) ? path : null
}

/** A client class rather than a setting: an URL without a password overrides one that is given beside it. */
export function clientClass({ passFile }: ConnectionTarget): typeof pg.Client {
  return class MeshClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      // PGPASSWORD, which the client has read.
      if (passFile === null && typeof this.password === 'string') return
      const { host, port, user, database } = this
      const password = async (): Promise<string | undefined> => {
        const path = passFile ?? defaultPassFile()
        return path === null ? undefined : ((await readPassFile(path, { host, port, database: database ?? '', user: user ?? '' })) ?? undefined)
      }
      // Not enumerable, as the client has it: no log of the object shows it.
      Object.defineProperty(this, 'password', { value: password, writable: true, configurable: true, enumerable: false })
    }
  }
}
