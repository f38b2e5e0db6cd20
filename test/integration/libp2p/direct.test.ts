/** Direct streams over real sockets: what they carry, who gets none, and when they end. */
import { randomBytes } from 'node:crypto'
import { connect as connectTcp, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { DIRECT_PROTOCOL, TICKETS_PER_CONNECTION_MAX } from '../../../src/adapters/direct/direct-streams.ts'
import { decodeTicket, secureOutbound } from '../../../src/adapters/direct/handshake.ts'
import { TICKET_LIFE_MS } from '../../../src/adapters/direct/tickets.ts'
import type { Mesh, MeshOptions } from '../../../src/adapters/libp2p/mesh.ts'
import { REKEY_DEADLINE_MS, REKEY_WAIT_MS } from '../../../src/adapters/libp2p/rekeying.ts'
import type { ByteStream } from '../../../src/ports/peer-streams.ts'
import { certificate, certificateKey } from './certificate.ts'
import { addressOf, createRig, createTurnableClock, until } from './rig.ts'

const rig = createRig()
const A = new Uint8Array(32).fill(1)
const B = new Uint8Array(32).fill(2)
const echo = '/test/echo/1.0'

afterEach(() => rig.stop())

interface Pair {
  readonly one: Mesh
  readonly two: Mesh
  /** What the second was asked to serve. */
  readonly served: ByteStream[]
}

async function pair(options: Partial<MeshOptions> = {}, inboundStreamsMax = 4): Promise<Pair> {
  const [one, two] = [await rig.mesh({ clusterKeys: [A], ...options }), await rig.mesh({ clusterKeys: [A], ...options })]
  const served = await serveEcho(two, inboundStreamsMax)
  await one.dial(`127.0.0.1:${two.port}`)
  await until(() => two.connectedPeers().length === 1)
  one.setMembers([addressOf(two)])
  two.setMembers([addressOf(one)])
  return { one, two, served }
}

async function serveEcho(mesh: Mesh, inboundStreamsMax = 4, isDirect = true): Promise<ByteStream[]> {
  const served: ByteStream[] = []
  await mesh.handle(echo, (stream) => {
    served.push(stream)
    stream.onBytes((bytes) => {
      if (stream.send(bytes)) return
      stream.pause()
      stream.drained().then(() => { stream.resume() }, () => undefined)
    })
    stream.onEnd(() => { void stream.close() })
  }, { inboundStreamsMax, isDirect })
  return served
}

async function answers(stream: ByteStream): Promise<boolean> {
  let got = 0
  stream.onBytes((bytes) => { got += bytes.length })
  stream.send(new Uint8Array(3))
  await until(() => got === 3)
  return true
}

/** How it ends: null cleanly. */
function end(stream: ByteStream): Promise<Error | null> {
  return new Promise((resolve) => { stream.onClose(resolve) })
}

async function ticket(from: Mesh, to: Mesh, protocol = echo): Promise<{ id: string; secret: Buffer }> {
  const decoded = decodeTicket(await from.request(to.peerId, DIRECT_PROTOCOL, Buffer.from(protocol), { timeoutMs: 5_000, responseBytesMax: 48 }))
  if (decoded === null) throw new Error('no ticket was given')
  return decoded
}

function present(to: Mesh, { id, secret }: { id: string; secret: Buffer }): Promise<unknown> {
  return secureOutbound({ host: '127.0.0.1', port: to.port, id, secret }, AbortSignal.timeout(5_000))
}

describe('a direct stream', () => {
  it('is a connection of its own on the same port, and each end knows the other', async () => {
    const { one, two, served } = await pair()
    const stream = await one.openDirect(two.peerId, echo)
    expect(await answers(stream)).toBe(true)
    expect(stream.remote).toEqual({ kind: 'peer', peerId: two.peerId })
    expect(served.map(({ remote }) => remote)).toEqual([{ kind: 'peer', peerId: one.peerId }])
    expect([one.counters().direct.opened, two.counters().direct.accepted, one.counters().connections, two.counters().handshakesFailed]).toEqual([1, 1, 1, 0])
    // Whoever was dialled may open one, too, at the address that the member gives.
    await serveEcho(one)
    expect(await answers(await two.openDirect(one.peerId, echo))).toBe(true)
    expect([two.counters().direct.opened, one.counters().direct.accepted]).toEqual([1, 1])
  })

  it('carries megabytes intact, with a sender that heeds what it is told', async () => {
    const { one, two } = await pair()
    const stream = await one.openDirect(two.peerId, echo)
    const sent = randomBytes(8 << 20)
    const received: Uint8Array[] = []
    let bytes = 0
    stream.onBytes((chunk) => {
      received.push(Buffer.from(chunk))
      bytes += chunk.length
    })
    let waits = 0
    for (let at = 0; at < sent.length; at += 256 << 10) {
      if (stream.send(sent.subarray(at, at + (256 << 10)))) continue
      waits++
      await stream.drained()
    }
    await until(() => bytes === sent.length)
    expect(Buffer.concat(received).equals(sent)).toBe(true)
    expect(waits).toBeGreaterThan(0)
  })

  it('ends cleanly when both sides end it, and with an error when one aborts', async () => {
    const { one, two, served } = await pair()
    const ended = await one.openDirect(two.peerId, echo)
    await answers(ended)
    const ends = [end(ended), end(served[0] as ByteStream)]
    await ended.close()
    expect(await Promise.all(ends)).toEqual([null, null])
    const aborted = await one.openDirect(two.peerId, echo)
    await answers(aborted)
    const far = end(served[1] as ByteStream)
    aborted.abort(new Error('enough'))
    expect(await far).toMatchObject({ message: expect.stringMatching(/broke|ECONNRESET/) as string })
  })

  it('is had at most so often at a time', async () => {
    const { one, two } = await pair({}, 2)
    for (let count = 0; count < 2; count++) await answers(await one.openDirect(two.peerId, echo))
    await expect(ticket(one, two)).rejects.toThrow('no ticket was given')
    expect(two.counters().direct).toMatchObject({ accepted: 2, ticketsRefused: 1 })
  })

  it('gives way to a stream of the connection where the peer offers none, and does not ask again', async () => {
    const { one, two } = await pair()
    await serveEcho(one, 4, false)
    for (let count = 0; count < 3; count++) expect(await answers(await two.openDirect(one.peerId, echo))).toBe(true)
    expect([one.counters().direct.ticketsRefused, two.counters().direct.fallbacks]).toEqual([1, 1])
  })

  it('gives way where the peer cannot be reached beside its connection', async () => {
    const nobody = createServer()
    await new Promise<void>((resolve) => { nobody.listen(0, '127.0.0.1', resolve) })
    const { port } = nobody.address() as AddressInfo
    await new Promise((resolve) => { nobody.close(resolve) })
    const { one, two } = await pair()
    await serveEcho(one)
    two.setMembers([{ peerId: one.peerId, multiaddrs: [`/ip4/127.0.0.1/tcp/${port}`] }])
    expect(await answers(await two.openDirect(one.peerId, echo))).toBe(true)
    expect(two.counters().direct).toMatchObject({ opened: 0, fallbacks: 1 })
  })
})

describe('who has no right to a direct stream', () => {
  it.each<[string, Partial<MeshOptions>]>([
    ['another key', { clusterKeys: [B] }],
    ['no key', { clusterKeys: [] }],
    ['another label', { clusterKeys: [A], cluster: 'staging' }],
  ])('with %s gets neither a connection nor a ticket', async (_case, theirs) => {
    const to = await rig.mesh({ clusterKeys: [A] })
    const served = await serveEcho(to)
    const from = await rig.mesh(theirs)
    from.setMembers([addressOf(to)])
    await expect(from.openDirect(to.peerId, echo)).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY' })
    await expect(present(to, { id: randomBytes(16).toString('hex'), secret: randomBytes(32) })).rejects.toThrow()
    await until(() => to.counters().direct.handshakesRefused === 1)
    expect([served.length, to.counters().direct.accepted, to.counters().refused.junk]).toEqual([0, 0, 1])
  })

  it('without the secret of a ticket gets nothing of its name, and does not use it up', async () => {
    const { one, two, served } = await pair()
    const given = await ticket(one, two)
    await expect(present(two, { id: given.id, secret: randomBytes(32) })).rejects.toThrow()
    await until(() => two.counters().direct.handshakesRefused === 1)
    expect(served).toEqual([])
    await present(two, given)
    await until(() => served.length === 1)
  })

  it('gets nothing of a ticket that was used, has expired, or whose connection is gone', async () => {
    const clock = createTurnableClock()
    const { one, two, served } = await pair({ clock })
    const used = await ticket(one, two)
    await present(two, used)
    await until(() => served.length === 1)
    await expect(present(two, used)).rejects.toThrow()
    const expired = await ticket(one, two)
    clock.turn(TICKET_LIFE_MS)
    await expect(present(two, expired)).rejects.toThrow()
    const orphaned = await ticket(one, two)
    await one.hangUp(two.peerId)
    await until(() => two.connectedPeers().length === 0)
    await expect(present(two, orphaned)).rejects.toThrow()
    expect(served).toHaveLength(1)
  })

  it('cannot resume a session in place of a ticket', async () => {
    const { one, two, served } = await pair()
    const { id, secret } = await ticket(one, two)
    const tls = { host: '127.0.0.1', port: two.port, ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3', checkServerIdentity: () => undefined, rejectUnauthorized: false } as const
    const first = connectTls({ ...tls, pskCallback: () => ({ psk: secret, identity: id }) })
    const sessions: Buffer[] = []
    first.on('session', (session: Buffer) => { sessions.push(session) })
    first.on('error', () => undefined)
    first.write('x')
    await until(() => served.length === 1 && sessions.length > 0)
    const again = connectTls({ ...tls, session: sessions.at(-1) as Buffer })
    const refused = new Promise((resolve) => { again.once('close', resolve) })
    again.on('error', () => undefined)
    await refused
    await until(() => two.counters().direct.handshakesRefused === 1)
    first.destroy()
    expect(served).toHaveLength(1)
  })

  it('cannot be the listener either: a certificate is no proof', async () => {
    const impostor = createTlsServer({ key: certificateKey, cert: certificate, minVersion: 'TLSv1.3' })
    impostor.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => { impostor.listen(0, '127.0.0.1', resolve) })
    try {
      const { port } = impostor.address() as AddressInfo
      await expect(secureOutbound({ host: '127.0.0.1', port, id: randomBytes(16).toString('hex'), secret: randomBytes(32) }, AbortSignal.timeout(5_000))).rejects.toThrow()
    } finally {
      impostor.close()
    }
  })

  it('holds no more tickets than so many', async () => {
    const { one, two } = await pair()
    for (let count = 0; count < TICKETS_PER_CONNECTION_MAX; count++) await ticket(one, two)
    await expect(ticket(one, two)).rejects.toThrow('no ticket was given')
    await expect(ticket(one, two, '/unknown/1.0')).rejects.toThrow('no ticket was given')
  })

  it('is cut off in the middle of a handshake that does not end', async () => {
    const to = await rig.mesh({ clusterKeys: [A], limits: { handshakeTimeoutMs: 300 } })
    const socket = connectTcp(to.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const ended = new Promise((resolve) => { socket.once('close', resolve) })
    socket.write(Buffer.from([0x16, 3, 1]))
    await ended
    await until(() => to.counters().handshakesFailed === 1 && to.counters().direct.handshakesRefused === 1)
  })
})

describe('a direct stream lives as long as its right', () => {
  it('is cut at both ends at once when the peer is denied, and its ticket is void', async () => {
    const { one, two, served } = await pair()
    const stream = await one.openDirect(two.peerId, echo)
    await answers(stream)
    const unused = await ticket(one, two)
    const ends = [end(stream), end(served[0] as ByteStream)]
    two.setAllowed((peerId) => peerId !== one.peerId)
    for (const error of await Promise.all(ends)) expect(error).toBeInstanceOf(Error)
    await expect(present(two, unused)).rejects.toThrow()
    await expect(one.openDirect(two.peerId, echo)).rejects.toMatchObject({ code: expect.stringContaining('ERR_') as string })
    expect(served).toHaveLength(1)
  })

  it('ends with the connection that it was had on', async () => {
    const { one, two, served } = await pair()
    const stream = await one.openDirect(two.peerId, echo)
    await answers(stream)
    const ends = [end(stream), end(served[0] as ByteStream)]
    await two.hangUp(one.peerId)
    for (const error of await Promise.all(ends)) expect(error).toBeInstanceOf(Error)
  })

  it('outlives a rotation of the key until the deadline, while new ones rest on the new key', async () => {
    const clock = createTurnableClock()
    const { one, two, served } = await pair({ clock })
    const old = await one.openDirect(two.peerId, echo)
    await answers(old)
    for (const mesh of [one, two]) mesh.setClusterKeys([B])
    clock.turn(REKEY_WAIT_MS)
    await until(() => one.hasCurrentKey(two.peerId) && two.hasCurrentKey(one.peerId))
    clock.turn(REKEY_DEADLINE_MS - REKEY_WAIT_MS - 60_000)
    expect(await answers(old)).toBe(true)
    const fresh = await one.openDirect(two.peerId, echo)
    expect(await answers(fresh)).toBe(true)
    expect([served.length, one.counters().direct.opened, one.counters().connections]).toEqual([2, 2, 2])
    const ended = end(old)
    clock.turn(60_000)
    expect(await ended).toBeInstanceOf(Error)
    expect(await answers(fresh)).toBe(true)
    expect(one.hasCurrentKey(two.peerId)).toBe(true)
  })

  it('passes to the other connection when a duplicate is closed', async () => {
    const clock = createTurnableClock()
    const [one, two] = [await rig.mesh({ clusterKeys: [A], clock }), await rig.mesh({ clusterKeys: [A], clock })]
    const served = [...await Promise.all([serveEcho(one), serveEcho(two)])]
    await Promise.all([one.dial(`127.0.0.1:${two.port}`), two.dial(`127.0.0.1:${one.port}`)])
    await until(() => one.counters().connections === 2 && two.counters().connections === 2)
    const streams = [await one.openDirect(two.peerId, echo), await two.openDirect(one.peerId, echo)]
    for (const stream of streams) await answers(stream)
    while (one.counters().connections > 1 || two.counters().connections > 1) {
      clock.turn(500)
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    for (const stream of streams) expect(await answers(stream)).toBe(true)
    expect(served.flat()).toHaveLength(2)
  })
})
