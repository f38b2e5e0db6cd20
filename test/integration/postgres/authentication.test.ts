/** How a node proves itself to its server, and the server to it: SCRAM with a password file, TLS with a certificate that is checked, the Unix socket. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres, type PostgresEngine } from '../../../src/adapters/postgres/postgres-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { certificate, certificateKey } from '../libp2p/certificate.ts'
import { postgresBin, TestServer } from './server.ts'
import { waitFor } from './wait-for.ts'

const PASSWORD = 'hop:per\\s'

describe.skipIf(postgresBin === null)('a PostgreSQL server that asks for a password and speaks TLS', () => {
  let server: TestServer
  let folder: string
  let passFile: string
  let rootFile: string
  const opened: PostgresEngine[] = []
  const open = async (url: string): Promise<PostgresEngine> => {
    const engine = await openPostgres({ database: 'numbers', url, pollIntervalMs: 50, log: silentLog })
    opened.push(engine)
    return engine
  }
  const session = async (engine: PostgresEngine): Promise<unknown[] | undefined> => (await collect(await run(engine, 'SELECT s.ssl, s.version FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()'))).rows[0]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesh-pass-'))
    passFile = join(folder, 'pgpass')
    rootFile = join(folder, 'root.crt')
    await writeFile(passFile, `*:*:*:mesh:${PASSWORD.replaceAll(/[:\\]/g, '\\$&')}\n`, { mode: 0o600 })
    await writeFile(rootFile, certificate)
    server = await TestServer.create()
    await server.secure(PASSWORD, { certificate, key: certificateKey })
    // From the reload on nobody comes in without a password.
    await waitFor('the server to ask for a password', async () => await server.sql('SELECT 1').then(() => false, () => true))
  })
  afterAll(async () => {
    await Promise.all(opened.map((engine) => engine.close()))
    await server.remove()
    await rm(folder, { recursive: true, force: true })
  })

  it('is read over TLS whose certificate is checked', async () => {
    const engine = await open(server.url('postgres', `?passfile=${passFile}&sslmode=verify-full&sslrootcert=${rootFile}`))
    await waitFor('it to be ready', () => engine.isReady())
    expect(await session(engine)).toEqual([true, 'TLSv1.3'])
  })

  it('is not believed with a certificate of nobody that is trusted', async () => {
    const engine = await open(server.url('postgres', `?passfile=${passFile}&sslmode=verify-full`))
    await expect(run(engine, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', message: expect.stringContaining('certificate') as string })
    expect(engine.isReady()).toBe(false)
  })

  it('refuses who comes without TLS, and who has another password', async () => {
    const plain = await open(server.url('postgres', `?passfile=${passFile}`))
    await expect(run(plain, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', message: expect.stringContaining('no encryption') as string })
    const wrongFile = join(folder, 'wrong')
    await writeFile(wrongFile, '*:*:*:mesh:guess\n', { mode: 0o600 })
    const wrong = await open(server.url('postgres', `?passfile=${wrongFile}&sslmode=verify-full&sslrootcert=${rootFile}`))
    await expect(run(wrong, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', message: expect.stringContaining('password') as string })
  })

  it('is read through its Unix socket', async () => {
    const engine = await open(`postgres://mesh@/postgres?host=${server.folder}&port=${server.port}&passfile=${passFile}`)
    await waitFor('it to be ready', () => engine.isReady())
    expect((await session(engine))?.[0]).toBe(false)
  })
})
