import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { FEED_KEPT } from './event-feed.ts'
import type { HttpRoom } from './http-room.ts'
import { preferredType } from './media-types.ts'
import { heldUntilClosed } from './query-routes.ts'
import { readParameters } from './url-parameters.ts'

const parameters = z.strictObject({ state: z.enum(['0', '1']).default('0'), recent: z.coerce.number().int().min(0).max(FEED_KEPT).default(0) })

export function addEventRoutes(app: FastifyInstance, { inspection, places, streams }: HttpRoom): void {
  app.get('/api/v1/events', (request, reply) => {
    const { state, recent } = readParameters(parameters, request.query)
    if (preferredType(request.headers.accept, ['text/event-stream', 'application/json']) === 'application/json') return reply.send({ events: inspection.recentEvents() })
    const lastId = request.headers['last-event-id']
    const signal = heldUntilClosed(reply, places.take('event-stream'))
    const body = streams.open({ withState: state === '1', lastId: typeof lastId === 'string' && lastId !== '' ? lastId : null, recent })
    // HEAD, too, comes here, and reads no body.
    signal.addEventListener('abort', () => { body.destroy() })
    return reply.headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      .send(body)
  })
}
