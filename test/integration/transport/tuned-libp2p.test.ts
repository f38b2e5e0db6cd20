/** The tuned TCP transport and muxer against each other and against the stock ones, over real sockets. */
import { Socket } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { joinedWrites } from '../../../src/adapters/transport/joined-writes.ts'
import { thinWindowUpdates } from '../../../src/adapters/transport/thin-window-updates.ts'

const echo = '/test/echo/1.0'
const nodes: Libp2p[] = []

afterEach(async () => { await Promise.all(nodes.splice(0).map(async (node) => { await node.stop() })) })

async function start(tuned: boolean): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tuned ? joinedWrites(tcp()) : tcp()],
    streamMuxers: [tuned ? thinWindowUpdates(yamux()) : yamux()],
    connectionEncrypters: [noise()],
    connectionMonitor: { enabled: false },
  })
  nodes.push(node)
  await node.handle(echo, (stream) => {
    stream.addEventListener('message', (event) => { if (!stream.send(event.data.subarray())) stream.pause() })
    stream.addEventListener('drain', () => stream.resume())
  })
  return node
}

async function echoed(stream: Stream, totalBytes: number): Promise<boolean> {
  let got = 0
  let intact = true
  const done = new Promise<void>((resolve, reject) => {
    stream.addEventListener('message', (event) => {
      for (const byte of event.data.subarray()) if (byte !== (got++ & 0xff)) intact = false
      if (got === totalBytes) resolve()
    })
    stream.addEventListener('close', () => reject(new Error(`closed after ${got} bytes`)))
  })
  for (let sent = 0; sent < totalBytes; sent += 65_536) {
    const chunk = new Uint8Array(65_536).map((_, i) => (sent + i) & 0xff)
    if (!stream.send(chunk)) await new Promise<void>((resolve) => { stream.addEventListener('drain', () => resolve(), { once: true }) })
  }
  await done
  return intact
}

describe.each([['tuned', 'tuned'], ['tuned', 'stock'], ['stock', 'tuned']])('a %s node that dials a %s one', (from, to) => {
  it('opens streams at once and echoes 4 MiB many windows long', async () => {
    const [dialling, listening] = await Promise.all([start(from === 'tuned'), start(to === 'tuned')])
    // At once: the first streams of a connection come before libp2p listens for them, and must not be lost.
    const streams = await Promise.all([1, 2, 3].map(() => dialling.dialProtocol(listening.getMultiaddrs(), echo)))
    expect(await Promise.all(streams.map((stream) => echoed(stream, 4 << 20)))).toEqual([true, true, true])
  })
})

it('makes one system call of a small message, where the stock transport makes several', async () => {
  const callsFor = async (tuned: boolean): Promise<number> => {
    const [dialling, listening] = await Promise.all([start(tuned), start(tuned)])
    const stream = await dialling.dialProtocol(listening.getMultiaddrs(), echo)
    const prototype = Socket.prototype as unknown as { _write: (...args: unknown[]) => void; _writev: (...args: unknown[]) => void }
    const { _write, _writev } = prototype
    let calls = 0
    prototype._write = function (...args) { calls++; _write.apply(this, args) }
    prototype._writev = function (...args) { calls++; _writev.apply(this, args) }
    try {
      for (let i = 0; i < 50; i++) {
        const answered = new Promise<void>((resolve) => { stream.addEventListener('message', () => resolve(), { once: true }) })
        stream.send(new Uint8Array(100))
        await answered
      }
    } finally {
      Object.assign(prototype, { _write, _writev })
    }
    return calls
  }
  // 50 messages each way; identify and pings may add a few.
  expect(await callsFor(true)).toBeLessThan(130)
  expect(await callsFor(false)).toBeGreaterThan(300)
})
