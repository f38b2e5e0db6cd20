/** Opens the port of HTTP. */
import type { FastifyInstance } from 'fastify'
import { MeshError } from '../../errors.ts'
import type { HttpOptions } from '../../node/options.ts'
import type { Log } from '../../ports/log.ts'

export const HTTP_PORT_DEFAULT = 7480
const autoHost = '127.0.0.1'

/**
 * Answers the URL; with `auto` a free port where the usual one is taken.
 * @throws MeshError ERR_PORT_BUSY, ERR_ADDRESS_UNAVAILABLE
 */
export async function listen(app: FastifyInstance, { listen: wanted }: HttpOptions, { log, isSecure }: { readonly log: Log; readonly isSecure: boolean }): Promise<string> {
  const { host, port } = typeof wanted === 'object' ? wanted : { host: autoHost, port: HTTP_PORT_DEFAULT }
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isTaken = code === 'EADDRINUSE'
    if (typeof wanted === 'object') {
      if (isTaken) throw new MeshError('ERR_PORT_BUSY', `HTTP cannot listen on ${host}:${port}: the port is taken`, { nextStep: 'Stop what holds the port, or choose another with --http-listen; port 0 picks a free one, off is none.', details: { host, port }, cause: error })
      throw new MeshError('ERR_ADDRESS_UNAVAILABLE', `HTTP cannot listen on ${host}:${port}: ${(error as Error).message}`, { details: { host, port }, cause: error })
    }
    if (!isTaken) throw error
    await app.listen({ host, port: 0 })
    log.info({ port }, `port ${port} is taken, so HTTP listens on a free one`)
  }
  const address = app.server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${actual}`
}
