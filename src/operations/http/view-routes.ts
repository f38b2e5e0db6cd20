/** What a node tells of the mesh, as JSON. */
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { QUERY_LOG_SIZE } from '../../node/query-log.ts'
import { LATENCY_HOURS_MAX, LATENCY_HOURS_MIN } from '../../wire/control.ts'
import type { HttpRoom } from './http-room.ts'
import { readParameters } from './url-parameters.ts'

const none = z.strictObject({})
const ofDatabase = z.strictObject({ database: z.string().min(1) })
const ofRoutes = z.strictObject({ limit: z.coerce.number().int().min(1).max(QUERY_LOG_SIZE).default(100) })
const ofLatency = z.strictObject({ database: z.string().min(1).optional(), hours: z.coerce.number().min(LATENCY_HOURS_MIN).max(LATENCY_HOURS_MAX).default(1) })

export function addViewRoutes(app: FastifyInstance, { inspection, alerts, live }: HttpRoom): void {
  /** Each is a view of one moment, and so is kept nowhere. */
  const view = <T>(path: string, schema: z.ZodType<T>, make: (parameters: T) => object): void => {
    app.get(path, (request, reply) => {
      const body = make(readParameters(schema, request.query))
      return reply.header('cache-control', 'no-store').send(body)
    })
  }

  view('/api/v1/status', none, () => inspection.status())
  view('/api/v1/members', none, () => ({ members: inspection.members() }))
  view('/api/v1/databases', none, () => ({ databases: inspection.databases() }))
  view('/api/v1/nodes', ofDatabase, ({ database }) => inspection.nodes(database))
  view('/api/v1/routes', ofRoutes, ({ limit }) => ({ queries: inspection.recentQueries().slice(-limit).reverse() }))
  view('/api/v1/latency', ofLatency, ({ database, hours }) => (database === undefined ? { peers: peers() } : inspection.latency(database, hours)))
  view('/api/v1/load', none, () => ({
    local: inspection.reading(),
    nodes: inspection.members().map(({ record: { peerId }, name, local, state, status, load }) => ({ peerId, name, isLocal: local, state, status, load })),
  }))
  view('/api/v1/alerts', none, () => ({ alerts: alerts?.list() ?? [] }))
  view('/api/v1/live', none, () => live.view())
  view('/api/v1/live/history', none, () => live.history())

  const peers = (): object[] => inspection.members().filter(({ local, state }) => !local && state !== 'left')
    .map(({ record: { peerId }, name, latency }) => ({ peerId, name, latency, traffic: inspection.traffic(peerId) }))
}
