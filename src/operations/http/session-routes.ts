/** How a browser comes to show the token that a page cannot set as a header of its event stream. */
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { MeshError } from '../../errors.ts'
import type { HttpRoom } from './http-room.ts'

const credentials = z.strictObject({ token: z.string() })

export function addSessionRoutes(app: FastifyInstance, { guard }: HttpRoom): void {
  app.addHook('onRequest', async ({ headers }) => { guard.checkOrigin(headers) })

  app.get('/api/v1/session', (request, reply) => reply.header('cache-control', 'no-store').send({ tokenRequired: guard.asksForToken, open: guard.isOpenTo(request.headers) }))
  app.post('/api/v1/session', (request, reply) => {
    const outcome = credentials.safeParse(request.body)
    if (!outcome.success) throw new MeshError('ERR_REQUEST_INVALID', 'the body is {"token": "…"}')
    void reply.header('cache-control', 'no-store')
    // Nothing to give where nothing is asked for.
    if (!guard.asksForToken) return reply.send({ tokenRequired: false, open: true })
    if (!guard.matches(outcome.data.token)) throw new MeshError('ERR_TOKEN', 'the token is not that of the node', { nextStep: 'Copy it from the file that http.tokenFile names, on the node.' })
    return reply.header('set-cookie', guard.sessionCookie()).send({ tokenRequired: true, open: true })
  })
  app.delete('/api/v1/session', (_request, reply) => reply.headers({ 'cache-control': 'no-store', 'set-cookie': guard.endedCookie() }).send({ tokenRequired: guard.asksForToken, open: !guard.asksForToken }))
}
