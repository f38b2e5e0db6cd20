/** Every route, and which of them ask who is there. docs/openapi.yaml describes each. */
import type { FastifyInstance } from 'fastify'
import { addEventRoutes } from './event-routes.ts'
import { addFileRoutes } from './file-routes.ts'
import { addHealthRoutes } from './health-routes.ts'
import type { HttpRoom } from './http-room.ts'
import { addMetricsRoutes } from './metrics-routes.ts'
import { addQueryRoutes } from './query-routes.ts'
import { addSessionRoutes, checkToken } from './session-routes.ts'
import { addViewRoutes } from './view-routes.ts'

export async function addRoutes(app: FastifyInstance, room: HttpRoom): Promise<void> {
  addHealthRoutes(app, room)
  addFileRoutes(app, room)
  await app.register(async (open) => { addSessionRoutes(open, room) })
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', async ({ headers, ip }) => {
      room.guard.checkOrigin(headers)
      checkToken(room, { headers, ip })
    })
    addQueryRoutes(guarded, room)
    addViewRoutes(guarded, room)
    addEventRoutes(guarded, room)
    addMetricsRoutes(guarded, room)
  })
}
