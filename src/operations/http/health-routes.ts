import type { FastifyInstance } from 'fastify'
import type { HttpRoom } from './http-room.ts'

export function addHealthRoutes(app: FastifyInstance, { inspection }: HttpRoom): void {
  app.get('/health/live', (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'pass', name: inspection.name }))
}
