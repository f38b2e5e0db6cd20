import { afterEach, describe, expect, it } from 'vitest'
import type { Mesh } from '../../../src/adapters/libp2p/mesh.ts'
import { createRig, until } from './rig.ts'

const rig = createRig()
const PROTOCOL = '/test/request/1'
const options = { timeoutMs: 5_000, responseBytesMax: 2 << 20 }

afterEach(() => rig.stop())

async function pair(): Promise<[Mesh, Mesh]> {
  const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
  await left.dial(right.multiaddrs()[0] ?? '')
  return [left, right]
}

describe('request', () => {
  it.each([0, 1, 1 << 20])('carries %i bytes there and back', async (length) => {
    const [left, right] = await pair()
    const bytes = new Uint8Array(length).map((_, i) => i * 7)
    const seen: string[] = []
    await right.onRequest(PROTOCOL, 1 << 20, (from, request) => {
      seen.push(from)
      return request
    })
    expect(Buffer.compare(await left.request(right.peerId, PROTOCOL, bytes, options), bytes)).toBe(0)
    expect(seen).toEqual([left.peerId])
  })

  it('leaves no stream behind, whatever came of it', async () => {
    const [left, right] = await pair()
    await right.onRequest(PROTOCOL, 10, async () => new Uint8Array(1))
    // Far more than may be open at once.
    for (let i = 0; i < 30; i++) await left.request(right.peerId, PROTOCOL, new Uint8Array(1), options)
    for (let i = 0; i < 30; i++) await expect(left.request(right.peerId, PROTOCOL, new Uint8Array(11), options)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
    expect(right.counters()).toMatchObject({ requests: 30, requestsRefused: 30 })
  })

  it('refuses an answer above the asker\'s limit', async () => {
    const [left, right] = await pair()
    await right.onRequest(PROTOCOL, 10, () => new Uint8Array(101))
    await expect(left.request(right.peerId, PROTOCOL, new Uint8Array(1), { timeoutMs: 5_000, responseBytesMax: 100 })).rejects.toMatchObject({ code: 'ERR_PROTOCOL' })
  })

  it.each([
    ['announces 4 GiB', [0xff, 0xff, 0xff, 0xff]],
    ['sends more than it announced', [0, 0, 0, 1, 1, 2]],
  ])('is refused when it %s', async (_case, bytes) => {
    const [left, right] = await pair()
    let handled = 0
    await right.onRequest(PROTOCOL, 100, () => {
      handled += 1
      return new Uint8Array(0)
    })
    const stream = await left.open(right.peerId, PROTOCOL)
    const closed = new Promise<Error | null>((resolve) => { stream.onClose(resolve) })
    stream.onBytes(() => undefined)
    stream.send(Uint8Array.from(bytes))
    expect(await closed).toBeInstanceOf(Error)
    expect(handled).toBe(0)
    expect(right.counters().requestsRefused).toBe(1)
  })

  it('is given up when the answer does not come', async () => {
    const [left, right] = await pair()
    await right.onRequest(PROTOCOL, 10, () => new Promise<Uint8Array>(() => undefined))
    await expect(left.request(right.peerId, PROTOCOL, new Uint8Array(1), { ...options, timeoutMs: 100 })).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('within 100 ms') as string })
    // The other side learns of it.
    await until(() => right.counters().requestsRefused === 1)
  })

  it('fails when the handler does', async () => {
    const [left, right] = await pair()
    await right.onRequest(PROTOCOL, 10, () => { throw new Error('a fault') })
    await expect(left.request(right.peerId, PROTOCOL, new Uint8Array(1), options)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
    expect(right.counters().requestsRefused).toBe(1)
  })
})
