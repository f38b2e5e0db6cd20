import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { probePort } from '../../../src/adapters/tcp/port-probe.ts'

describe('a probe of a port', () => {
  it('tells an open port from one on which nothing listens any more', async () => {
    const server = createServer((socket) => { socket.on('error', () => undefined) })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as AddressInfo
    expect(await probePort([`/ip4/127.0.0.1/tcp/${port}/p2p/12D3KooWLRPJAA5o6bCPaHYHsfXcPUuHV7oFuF1pXtYv1mQ3qyRa`], 5000)).toBe('open')
    await new Promise((resolve) => { server.close(resolve) })
    expect(await probePort([`/ip4/127.0.0.1/tcp/${port}`], 5000)).toBe('refused')
  })

  it('says nothing about an address that cannot be tried', async () => {
    for (const addresses of [[], ['nonsense'], ['/ip4/127.0.0.1/udp/1'], ['/ip4/127.0.0.1/tcp/0']]) expect(await probePort(addresses, 200)).toBeNull()
  })
})
