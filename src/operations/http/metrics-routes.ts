import type { FastifyInstance } from 'fastify'
import { MeshError } from '../../errors.ts'
import type { HttpRoom } from './http-room.ts'

export function addMetricsRoutes(app: FastifyInstance, { metrics }: HttpRoom): void {
  app.get('/metrics', async (_request, reply) => {
    if (metrics === null) throw new MeshError('ERR_RESOURCE_UNKNOWN', 'this node keeps no metrics')
    return reply.headers({ 'content-type': metrics.contentType, 'cache-control': 'no-store' }).send(await metrics.text())
  })
}
