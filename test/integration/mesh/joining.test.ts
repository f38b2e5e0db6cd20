/** A node whose seed accepts the connection and then says nothing: it is not alone yet, but its doors are open. */
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { TestMesh } from '../../support/processes.ts'

let mesh: TestMesh
let seed: Server
const sockets = new Set<Socket>()
afterEach(async () => {
  await mesh.stop()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => { seed.close(resolve) })
})

it('a query is answered while the node still waits for its seed', async () => {
  seed = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => { seed.listen(0, '127.0.0.1', resolve) })
  mesh = await TestMesh.create()
  const node = await mesh.start('local1', { seeds: [`127.0.0.1:${(seed.address() as AddressInfo).port}`], args: ['--cpu-threshold', '100'] })
  await node.ready()
  const result = await node.rdb(['db:query', 'numbers', 'SELECT count(*) AS n FROM primes', '--format', 'csv'])
  expect(result).toMatchObject({ code: 0, stdout: 'n\n4\n' })
})
