/** Tells how each request over HTTP ended, those without a route included. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../ports/clock.ts'
import type { HttpObserver } from './http-observer.ts'

export function watchRequests(app: FastifyInstance, observer: HttpObserver, clock: Pick<Clock, 'nowMs'>): void {
  app.addHook('onRequest', async (request, reply) => { watchRequest(request, reply, { observer, clock }) })
}

/** For those that end before any hook, too. */
export function watchRequest(request: FastifyRequest, reply: FastifyReply, { observer, clock }: { readonly observer: HttpObserver; readonly clock: Pick<Clock, 'nowMs'> }): void {
  const startedMs = clock.nowMs()
  // Whichever way it ends, and not only when all of it was sent.
  reply.raw.once('close', () => {
    const isStream = String(reply.raw.getHeader('content-type')).startsWith('text/event-stream')
    observer.handleRequest({
      route: request.routeOptions.url ?? null, status: reply.raw.headersSent ? reply.raw.statusCode : null, durationMs: isStream ? null : clock.nowMs() - startedMs,
    })
  })
}
