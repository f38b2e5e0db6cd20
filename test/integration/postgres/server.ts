/**
 * A PostgreSQL server for a test, from Debian's package: its own folder, a socket in it, and a free loopback port. It refuses to run as root, so that it
 * is then run as `postgres` or `nobody`.
 */
import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { existsSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const VERSIONS = '/usr/lib/postgresql'

/** The newest installed one; null when there is none. */
export const postgresBin: string | null = existsSync(VERSIONS)
  ? (readdirSync(VERSIONS).filter((version) => existsSync(join(VERSIONS, version, 'bin', 'initdb'))).sort((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, 'bin'))[0] ?? null)
  : null

if (postgresBin === null) process.stderr.write('\nSKIPPED: the PostgreSQL tests need its server under /usr/lib/postgresql (apt-get install postgresql)\n\n')

const isRoot = process.getuid?.() === 0

async function unprivileged(): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (!isRoot) return null
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => Number((await execute('id', [flag, name])).stdout)))
      return { uid: uid as number, gid: gid as number }
    } catch {
      continue // Not on this host.
    }
  }
  throw new Error('neither the user postgres nor nobody is known here')
}

/** Not one of the caller's own folder or environment. */
async function runTool(tool: string, args: readonly string[], cwd: string): Promise<string> {
  const user = await unprivileged()
  const [file, ...rest] = user === null ? [join(postgresBin as string, tool), ...args] : ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', join(postgresBin as string, tool), ...args]
  return (await execute(file as string, rest, { cwd, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', PGUSER: 'mesh' } })).stdout
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

export class TestServer {
  readonly folder: string
  readonly port: number

  private constructor(folder: string, port: number) {
    this.folder = folder
    this.port = port
  }

  /** Empty, with the superuser `mesh` and no password. */
  static async create(settings: readonly string[] = []): Promise<TestServer> {
    const server = await TestServer.#folder()
    await runTool('initdb', ['-D', server.data, '-U', 'mesh', '--auth', 'trust', '--no-sync', '-E', 'UTF8', '--locale', 'C.UTF-8'], server.folder)
    await server.#configure(['wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on', 'max_connections = 60', ...settings])
    await server.start()
    return server
  }

  /** A streaming replica of another one. */
  static async replicaOf(primary: TestServer, settings: readonly string[] = []): Promise<TestServer> {
    const server = await TestServer.#folder()
    await runTool('pg_basebackup', ['-D', server.data, '-h', '127.0.0.1', '-p', String(primary.port), '-U', 'mesh', '-R', '-X', 'stream', '-c', 'fast', '--no-sync'], server.folder)
    await server.#configure(settings)
    await server.start()
    return server
  }

  static async #folder(): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), 'mesh-postgres-'))
    const user = await unprivileged()
    await chmod(folder, 0o755)
    if (user !== null) await chown(folder, user.uid, user.gid)
    return new TestServer(folder, await freePort())
  }

  get data(): string {
    return join(this.folder, 'data')
  }

  /** By TCP. */
  url(database = 'postgres', parameters = ''): string {
    return `postgres://mesh@127.0.0.1:${this.port}/${database}${parameters}`
  }

  async #configure(settings: readonly string[]): Promise<void> {
    const own = [`port = ${this.port}`, "listen_addresses = '127.0.0.1'", `unix_socket_directories = '${this.folder}'`, 'fsync = off', 'logging_collector = off', ...settings]
    const confFolder = join(this.data, 'conf.d')
    await mkdir(confFolder, { recursive: true })
    await writeFile(join(confFolder, 'test.conf'), `${own.join('\n')}\n`)
    await writeFile(join(this.data, 'postgresql.conf'), "include_dir 'conf.d'\n")
    const user = await unprivileged()
    if (user !== null) for (const path of [confFolder, ...(await readdir(confFolder)).map((name) => join(confFolder, name))]) await chown(path, user.uid, user.gid)
  }

  /** From now on a password by SCRAM over TLS for who comes by TCP, and by SCRAM alone through the socket. */
  async secure(password: string, tls: { readonly certificate: string; readonly key: string }): Promise<void> {
    await this.sql(`ALTER USER mesh PASSWORD '${password}'`)
    await this.#write('server.crt', tls.certificate, 0o644)
    await this.#write('server.key', tls.key, 0o600)
    await this.#write('pg_hba.conf', 'hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n', 0o600)
    await this.#write('conf.d/tls.conf', "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n", 0o600)
    await runTool('pg_ctl', ['-D', this.data, 'reload'], this.folder)
  }

  async #write(name: string, text: string, mode: number): Promise<void> {
    const path = join(this.data, name)
    await writeFile(path, text, { mode })
    const user = await unprivileged()
    if (user !== null) await chown(path, user.uid, user.gid)
  }

  async start(): Promise<void> {
    await runTool('pg_ctl', ['-D', this.data, '-l', join(this.folder, 'log'), '-w', '-t', '50', 'start'], this.folder)
  }

  async stop(mode: 'fast' | 'immediate' = 'immediate'): Promise<void> {
    await runTool('pg_ctl', ['-D', this.data, '-w', '-m', mode, 'stop'], this.folder)
  }

  async promote(): Promise<void> {
    await runTool('pg_ctl', ['-D', this.data, '-w', 'promote'], this.folder)
  }

  /** One value or row, columns by `|`. */
  async sql(text: string, database = 'postgres'): Promise<string> {
    return (await runTool('psql', ['-X', '-w', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(this.port), '-U', 'mesh', '-d', database, '-c', text], this.folder)).trimEnd()
  }

  async remove(): Promise<void> {
    await this.stop().catch(() => undefined) // A test may have stopped it.
    await rm(this.folder, { recursive: true, force: true })
  }
}
