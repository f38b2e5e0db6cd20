/** For whoever watches a node from outside: the status code is the verdict, 200 or 503. None asks for a token, so none tells names of peers. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import * as z from 'zod'
import { MeshError } from '../../errors.ts'
import { readDuration } from '../../node/options-values.ts'
import { type HealthVerdict, membershipHealth, overallHealth, readiness } from './health.ts'
import type { HttpRoom } from './http-room.ts'
import { roleVerdict, type RoleQuestion } from './role.ts'
import { readParameters } from './url-parameters.ts'

const ofDatabase = z.object({ database: z.string().min(1).optional() })
const ofReplica = ofDatabase.extend({ lag: z.string().optional() })
/** Load balancers ask with any of them. HEAD comes with GET. */
const probing = ['GET', 'OPTIONS'] as const

export function addHealthRoutes(app: FastifyInstance, { inspection, alerts, tables, live, places }: HttpRoom): void {
  const facts = () => ({ status: inspection.status(), isDraining: inspection.isDraining(), databases: inspection.databases(), alerts: alerts?.list() ?? [], tablesProblem: tables?.problem() ?? null, members: () => inspection.members() })
  const self = (): object => ({ name: inspection.name, peerId: inspection.peerId })
  const send = (reply: FastifyReply, isFit: boolean, body: object): FastifyReply => reply.status(isFit ? 200 : 503).headers({ 'cache-control': 'no-store', ...(isFit ? {} : { 'retry-after': '1' }) }).send(body)
  const sendVerdict = (reply: FastifyReply, verdict: HealthVerdict, more: object = {}): FastifyReply => send(reply, verdict.status !== 'fail', { ...verdict, ...more })

  app.get('/health', (_request, reply) => {
    const found = facts()
    return sendVerdict(reply, overallHealth(found), { ...self(), version: found.status.version, uptimeMs: found.status.uptimeMs })
  })
  app.route({
    method: [...probing], url: '/health/check', handler: (_request, reply) => {
      const { status } = overallHealth(facts())
      return send(reply.header('allow', 'GET, HEAD, OPTIONS'), status !== 'fail', { status })
    },
  })
  // That it answers is what it says: a restart would heal nothing that keeps a node from serving.
  app.get('/health/live', (_request, reply) => send(reply, true, { status: 'pass', ...self() }))
  app.get('/health/ready', (request, reply) => {
    const { database = null } = readParameters(ofDatabase, request.query)
    if (database !== null) checkKnown(database)
    return sendVerdict(reply, readiness(facts(), database))
  })
  app.get('/health/membership', (_request, reply) => {
    const { status, isDraining } = facts()
    const { state, members, quorum, partition, localHealth } = status
    return sendVerdict(reply, membershipHealth({ status, isDraining }), { state, members, quorum, partition, localHealth, connectedPeers: inspection.connectedPeers().length })
  })
  app.get('/health/metrics', (_request, reply) => {
    const { uptimeMs, load, members } = inspection.status()
    const reading = inspection.reading()
    const firing = (alerts?.list() ?? []).filter(({ state }) => state === 'firing')
    return send(reply, true, {
      uptimeMs, load, members, rates: live.rates(), rssBytes: process.memoryUsage.rss(),
      processCpuPercent: reading?.processCpuPercent ?? null, eventLoopDelayMs: reading?.eventLoopDelayMs ?? null,
      alerts: { warning: firing.filter(({ severity }) => severity === 'warning').length, critical: firing.filter(({ severity }) => severity === 'critical').length },
      http: { requestsInFlight: places.taken },
    })
  })

  const addRole = (role: RoleQuestion['role']): void => {
    for (const url of [`/${role}`, `/${role}/:database`]) {
      app.route<{ readonly Params: { readonly database?: string } }>({
        method: [...probing], url, handler: (request, reply) => {
          const { database = null, lag } = role === 'replica' ? readParameters(ofReplica, request.query) : { ...readParameters(ofDatabase, request.query), lag: undefined }
          const verdict = roleVerdict(inspection.status(), inspection.isDraining(), { role, database: request.params.database ?? database, lagMsMax: lagOf(lag) })
          return send(reply.header('allow', 'GET, HEAD, OPTIONS'), verdict.isFit, { status: verdict.isFit ? 'pass' : 'fail', role, problem: verdict.problem, databases: verdict.databases })
        },
      })
    }
  }
  addRole('primary')
  addRole('replica')

  const checkKnown = (database: string): void => {
    if (!inspection.databases().some(({ name }) => name === database)) throw new MeshError('ERR_DATABASE_UNKNOWN', `no node of the mesh serves ${database}`, { details: { database } })
  }
}

function lagOf(text: string | undefined): number | null {
  if (text === undefined) return null
  const lagMs = readDuration(text)
  if (lagMs === null || lagMs < 0) throw new MeshError('ERR_REQUEST_INVALID', `the parameter lag is ${JSON.stringify(text.slice(0, 100))}; it takes a duration with its unit, such as 5s or 500ms`)
  return lagMs
}
