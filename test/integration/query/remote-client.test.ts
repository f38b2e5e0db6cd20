/** `connect({ node })`: the query plane over real libp2p, with an identity made for the occasion. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addKey, generateKey } from '../../../src/adapters/files/keyring.ts'
import { createMesh, type Mesh } from '../../../src/adapters/libp2p/mesh.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { connect } from '../../../src/client/connect.ts'
import { MeshError } from '../../../src/errors.ts'
import type { Log } from '../../../src/ports/log.ts'
import { STREAMS_PER_CONNECTION_MAX } from '../../../src/query/limits.ts'
import { QueryConnections } from '../../../src/query/client.ts'
import { QueryServer } from '../../../src/query/server.ts'
import { QUERY_PROTOCOL } from '../../../src/query/types.ts'
import { batchesOf, readAll, request, respond, until, type Counted } from '../../support/query-plane.ts'

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log }
const key = generateKey()

let folder: string
const meshes: Mesh[] = []

beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'rdb-remote-')) })
afterEach(async () => {
  await Promise.all(meshes.splice(0).map((mesh) => mesh.stop()))
  await rm(folder, { recursive: true, force: true })
})

async function startMesh(client = false): Promise<Mesh> {
  const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [key], log, clock: systemClock, client })
  meshes.push(mesh)
  return mesh
}

async function serve(server: QueryServer): Promise<Mesh> {
  const mesh = await startMesh()
  await mesh.handle(QUERY_PROTOCOL, (stream) => server.accept(stream), { inboundStreamsMax: STREAMS_PER_CONNECTION_MAX })
  await mesh.start()
  return mesh
}

describe('connect({ node })', () => {
  it('reaches a node with the key of its mesh, and says what is wrong without', async () => {
    const mesh = await serve(new QueryServer({ handler: () => Promise.reject(new MeshError('ERR_SQL', 'no such table: t')) }))
    const address = mesh.multiaddrs()[0] as string
    await expect(connect({ node: address, keyringDir: folder })).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY' })
    await addKey(folder, key, { use: true })
    const client = await connect({ node: address, keyringDir: folder })
    await expect(client.query('SELECT 1', { database: 'd' })).rejects.toMatchObject({ code: 'ERR_SQL', message: 'no such table: t' })
    await client.close()
  })

  it('says when nobody is there', async () => {
    await expect(connect({ node: '127.0.0.1:1', keyringDir: folder })).rejects.toMatchObject({ code: 'ERR_NO_NODE' })
  })
})

describe('the query plane over libp2p', () => {
  it('carries small results beside a large one, and a cancellation', async () => {
    const counted: Counted = { pulled: 0, released: false }
    function* endless(): Generator<{ rows: number; bytes: Uint8Array }, void, void> {
      for (;;) yield { rows: 1, bytes: new Uint8Array(100_000) }
    }
    const server = new QueryServer({
      handler: (asked) => Promise.resolve(asked.sql === 'endless' ? respond(endless(), counted) : respond(batchesOf(asked.sql === 'big' ? 300 : 1, 100_000))),
    })
    const mesh = await serve(server)
    const asking = await startMesh(true)
    await asking.start()
    const target = await asking.dial(mesh.multiaddrs()[0] as string)
    const client = new QueryConnections({ open: (peerId, protocol, signal) => asking.open(peerId, protocol, signal) })
    const [big, ...small] = await Promise.all(['big', ...Array.from({ length: 40 }, () => 'small')].map(async (sql) => await readAll(await client.query(target, request({ sql })))))
    expect(big?.map(({ bytes }) => bytes[99_999])).toEqual(Array.from({ length: 300 }, (_, i) => i & 0xff))
    expect(small.every((batches) => batches.length === 1)).toBe(true)
    for await (const batch of (await client.query(target, request({ sql: 'endless' }))).batches) if (batch.rows === 1 && counted.pulled > 30) break
    await until('the engine to be released', () => counted.released && server.inFlight === 0, 1_000_000)
    await client.close()
  })
})
