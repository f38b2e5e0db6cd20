/** How a browser comes to show the token that a page cannot set as a header of its event stream. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { MeshError } from '../../errors.ts'
import type { HttpRoom } from './http-room.ts'

const credentials = z.strictObject({ token: z.string() })

/** A request without a token of its own guesses none. @throws MeshError ERR_TOKEN, ERR_TOKEN_THROTTLED */
export function checkToken({ guard, attempts }: Pick<HttpRoom, 'guard' | 'attempts'>, { headers, ip }: Pick<FastifyRequest, 'headers' | 'ip'>): void {
  if (headers.authorization === undefined) guard.checkToken(headers)
  else attempts.judge(ip, () => { guard.checkToken(headers) })
}

export function addSessionRoutes(app: FastifyInstance, room: HttpRoom): void {
  const { guard, attempts } = room
  const isOpen = (request: FastifyRequest): boolean => {
    try {
      checkToken(room, request)
      return true
    } catch (error) {
      if (error instanceof MeshError && error.code === 'ERR_TOKEN') return false
      throw error
    }
  }
  app.addHook('onRequest', async ({ headers }) => { guard.checkOrigin(headers) })

  app.get('/api/v1/session', (request, reply) => reply.header('cache-control', 'no-store').send({ tokenRequired: guard.asksForToken, open: isOpen(request) }))
  app.post('/api/v1/session', (request, reply) => {
    const outcome = credentials.safeParse(request.body)
    if (!outcome.success) throw new MeshError('ERR_REQUEST_INVALID', 'the body is {"token": "…"}')
    void reply.header('cache-control', 'no-store')
    // Nothing to give where nothing is asked for.
    if (!guard.asksForToken) return reply.send({ tokenRequired: false, open: true })
    const { token } = outcome.data
    attempts.judge(request.ip, () => {
      if (!guard.matches(token)) throw new MeshError('ERR_TOKEN', 'the token is not that of the node', { nextStep: 'Copy it from the file that http.tokenFile names, on the node.' })
    })
    return reply.header('set-cookie', guard.sessionCookie()).send({ tokenRequired: true, open: true })
  })
  app.delete('/api/v1/session', (_request, reply) => reply.headers({ 'cache-control': 'no-store', 'set-cookie': guard.endedCookie() }).send({ tokenRequired: guard.asksForToken, open: !guard.asksForToken }))
}
