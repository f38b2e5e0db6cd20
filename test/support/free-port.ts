import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** A port of loopback that is free for TCP and UDP alike. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => { resolve((server.address() as { port: number }).port) }))
  const socket = createSocket('udp4')
  const isFree = await new Promise<boolean>((resolve) => socket.once('error', () => { resolve(false) }).bind(port, '127.0.0.1', () => { resolve(true) }))
  await new Promise<void>((resolve) => { if (isFree) socket.close(resolve); else resolve() })
  await new Promise((resolve) => server.close(resolve))
  return isFree ? port : await freePort()
}
