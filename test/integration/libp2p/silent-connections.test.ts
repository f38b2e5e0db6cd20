import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Mesh } from '../../../src/adapters/libp2p/mesh.ts'
import { createRig, until } from './rig.ts'

const rig = createRig()
const sockets = new Set<Socket>()

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await rig.stop()
})

const portOf = (mesh: Mesh): number => Number(/\/tcp\/(\d+)/.exec(mesh.multiaddrs()[0] ?? '')?.[1])

/** A connection that says nothing and is made anew whenever it is closed. */
function knockSilently(port: number, localAddress: string, onClose: () => void): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  sockets.add(socket)
  socket.on('error', () => undefined)
  // So that the other side's end is seen.
  socket.resume()
  socket.on('close', () => {
    if (!sockets.delete(socket)) return
    onClose()
    knockSilently(port, localAddress, onClose)
  })
}

describe('a stranger with hundreds of silent connections', () => {
  it.each([['another host', '127.0.0.9'], ['the same host', '127.0.0.1']])('on %s does not shut the door for key holders', async (_where, localAddress) => {
    const limits = { inboundPendingMax: 100, inboundPendingPerHostMax: 50, inboundPerSecondMax: 1_000_000 }
    const listener = await rig.mesh({ limits: { ...limits, firstByteTimeoutMs: 60_000, handshakeTimeoutMs: 60_000 } })
    let closed = 0
    for (let index = 0; index < 300; index++) knockSilently(portOf(listener), localAddress, () => { closed++ })
    await until(() => closed >= 300)
    const members = await Promise.all(Array.from({ length: 4 }, () => rig.mesh()))
    for (const member of members) await member.dial(listener.multiaddrs()[0] ?? '')
    await until(() => members.every((member) => listener.connectedPeers().includes(member.peerId)))
    expect(sockets.size).toBe(300)
  })

  it('is rid of each after the first-byte deadline', async () => {
    const listener = await rig.mesh({ limits: { firstByteTimeoutMs: 50, handshakeTimeoutMs: 600_000 } })
    let closed = 0
    knockSilently(portOf(listener), '127.0.0.1', () => { closed++ })
    await until(() => closed >= 2)
    const member = await rig.mesh()
    await member.dial(listener.multiaddrs()[0] ?? '')
    await until(() => listener.connectedPeers().includes(member.peerId))
  })
})
