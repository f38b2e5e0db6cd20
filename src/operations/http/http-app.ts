/** The HTTP server before it listens: what holds for every request, and how errors leave. */
import { type IncomingMessage, type ServerResponse, validateHeaderValue } from 'node:http'
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { MeshError } from '../../errors.ts'
import { clientProblem, writeProblem } from './client-errors.ts'
import { Connections, PIPELINED_MAX } from './connections.ts'
import { EventFeed } from './event-feed.ts'
import { EventStreams } from './event-streams.ts'
import { Guard } from './guard.ts'
import { UNOBSERVED } from './http-observer.ts'
import type { HttpRoom, HttpSources } from './http-room.ts'
import { addRoutes } from './http-routes.ts'
import { LiveState } from './live-state.ts'
import { Places } from './places.ts'
import { problemHeaders, problemOf } from './problem.ts'
import type { Protection } from './protection.ts'
import { parseBody } from './query-request.ts'
import { watchRequest, watchRequests } from './request-watch.ts'
import { TokenAttempts } from './token-attempts.ts'

/** For one request: whoever sends a byte now and then holds a connection no longer, and who says nothing or greets for TLS only until `headersMs`. */
const requestTimeoutMs = 30_000
const headersMs = 5_000
/** How often both are looked at. */
const timeoutsCheckMs = 2_500
const keepAliveMs = 30_000
/** Of all but queries, which take one of the places first: a token, however it is written in JSON. */
const otherBodyBytesMax = 32 << 10
/** Beside those that run a query or an event stream. */
const otherConnectionsMax = 256

const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY', 'cross-origin-resource-policy': 'same-origin', 'cross-origin-opener-policy': 'same-origin',
} as const

/** Routes check what they are given themselves. Without this, every node would load two compilers of schemas: a third of what HTTP costs at the start. */
const noSchemas = (): never => { throw new TypeError('a route has a schema, and nothing compiles it') }

export interface HttpApp {
  readonly app: FastifyInstance
  /** Ends the event streams, then every connection. */
  close(): Promise<void>
}

export async function createHttpApp(sources: HttpSources, protection: Protection): Promise<HttpApp> {
  const { inspection } = sources
  const { clock, log, options: { http } } = inspection
  const observer = sources.observer ?? UNOBSERVED
  const guard = new Guard(protection, () => clock.wallMs())
  const live = new LiveState(inspection, sources.alerts)
  const feed = new EventFeed(inspection)
  const streams = new EventStreams({ feed, live, clock, log })
  const attempts = new TokenAttempts({ clock, log, observer })
  const connectionsMax = 2 * http.requestsMax + otherConnectionsMax
  const connections = new Connections({ max: connectionsMax, addressMax: Math.ceil(connectionsMax / 2), clock, log, observer })
  let isClosing = false
  const room: HttpRoom = { ...sources, guard, attempts, live, streams, places: new Places(http.requestsMax, observer) }

  const sendProblem = (error: FastifyError | MeshError, request: FastifyRequest, reply: FastifyReply): void => {
    const problem = problemOf(fromFastify(error, request.routeOptions.bodyLimit))
    // Nobody is answered who went, or was told before.
    if (!reply.raw.destroyed) observer.handleRefusal(problem.code)
    if (problem.status === 500) log.error({ err: error, method: request.method, url: request.routeOptions.url }, 'a request over HTTP failed by a fault of this program')
    dropInvalidHeaders(reply)
    void reply.status(problem.status).headers(SECURITY_HEADERS).headers(problemHeaders(problem)).send(JSON.stringify(problem))
  }
  // What a request without a Host header is told is said below.
  const server = { headersTimeout: headersMs, connectionsCheckingInterval: timeoutsCheckMs, requireHostHeader: false }
  const app = fastify({
    ...(protection.tls === null ? { http: server } : { https: { ...server, handshakeTimeout: headersMs, cert: protection.tls.cert, key: protection.tls.key } }),
    logger: false, bodyLimit: otherBodyBytesMax, requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveMs, forceCloseConnections: true, return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    // What it finds in a URL before it knows a route.
    frameworkErrors: (error, request, reply) => {
      watchRequest(request, reply, { observer, clock })
      sendProblem(error, request, reply)
    },
    clientErrorHandler: (error, socket) => {
      const problem = connections.isAnswered(socket) ? null : clientProblem(error)
      if (problem === null) {
        socket.destroy()
        return
      }
      observer.handleRefusal(problem.code)
      writeProblem(socket, problem, SECURITY_HEADERS)
    },
  }) as unknown as FastifyInstance
  connections.follow(app.server)
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const problem = { ...problemOf(new MeshError('ERR_REQUEST_INVALID', `the request expects ${JSON.stringify(request.headers.expect?.slice(0, 100))}`)), status: 417 }
    observer.handleRefusal(problem.code)
    response.writeHead(problem.status, { ...SECURITY_HEADERS, ...problemHeaders(problem) }).end(JSON.stringify(problem))
  })

  app.removeAllContentTypeParsers()
  // The only one: forms of other sites send other types, and JSON from there is announced by the browser first.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseBody(body as string))
    } catch (error) {
      done(error as Error)
    }
  })
  watchRequests(app, observer, clock)
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(SECURITY_HEADERS)
    if (isClosing) throw new MeshError('ERR_NODE_STOPPED', 'the node stops')
    if (connections.isExcess(request.raw)) throw new MeshError('ERR_OVERLOADED', `more than ${PIPELINED_MAX} requests wait for their answers on this connection`, { nextStep: 'Wait for answers, or open another connection.', details: { started: 'no' } })
    const { raw: { httpVersion }, headers: { host, 'content-encoding': encoding = 'identity' } } = request
    if (host === undefined && httpVersion !== '1.0') throw new MeshError('ERR_REQUEST_INVALID', 'the request has no header Host')
    guard.checkHost(request.headers)
    // Without reading a body.
    if (request.is404) throw new MeshError('ERR_RESOURCE_UNKNOWN', `there is no ${request.method} ${request.url.slice(0, 300)}`)
    if (encoding.toLowerCase() !== 'identity') throw new MeshError('ERR_MEDIA_TYPE', `the body is encoded with ${encoding.slice(0, 100)}`, { nextStep: 'Send JSON as it is, without the header Content-Encoding.' })
  })
  app.setErrorHandler(sendProblem)

  await addRoutes(app, room)
  await app.ready()

  const alertsEnd = new AbortController()
  if (sources.alerts !== null) feed.followAlerts(sources.alerts, alertsEnd.signal).catch((error: unknown) => { log.warn({ err: error }, 'event streams over HTTP tell no alerts any more') })
  return {
    app,
    close: async () => {
      isClosing = true
      alertsEnd.abort()
      streams.close()
      attempts.close()
      await app.close()
      connections.close()
    },
  }
}

/** The error may be about what the answer was to say, and what says it then must be fit to be sent. */
function dropInvalidHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    try {
      validateHeaderValue(name, value as string)
    } catch {
      void reply.removeHeader(name)
    }
  }
}

/** Those of the HTTP server itself, in our words. */
function fromFastify(error: FastifyError | MeshError, bodyBytesMax: number | undefined): Error {
  if (error instanceof MeshError) return error
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new MeshError('ERR_REQUEST_TOO_LARGE', `the body is larger than ${bodyBytesMax} bytes`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new MeshError('ERR_MEDIA_TYPE', 'the body is not application/json')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': return new MeshError('ERR_REQUEST_INVALID', 'the body is not as long as its header says')
    default: return error.statusCode !== undefined && error.statusCode < 500 ? new MeshError('ERR_REQUEST_INVALID', error.message) : error
  }
}
