/** A node's HTTP server as the dashboard sees it, before a simulated mesh: for states that a real node cannot be put in. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventView } from '../../src/wire/control.ts'
import { MESH_DATABASE, type QueryRecord } from '../../src/wire/operations-views.ts'
import type { SimulatedMesh } from './simulated-mesh.ts'

export type ServedFiles = ReadonlyMap<string, { readonly contentType: string; readonly body: Buffer }>

export interface DashboardServerOptions {
  readonly files: ServedFiles
  readonly mesh: SimulatedMesh
  /** States of so many seconds before are told to who connects. */
  readonly pastSeconds?: number
  /** What the node tells of the time before, when it is asked. */
  readonly rememberedMinutes?: number
  readonly events?: readonly EventView[]
  readonly queries?: readonly QueryRecord[]
  /** Null: nobody is asked for one. */
  readonly token?: string | null
}

const headers = {
  'content-security-policy': "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'", 'x-content-type-options': 'nosniff',
}

export class DashboardServer {
  readonly mesh: SimulatedMesh
  /** Queries whose answer was left by who asked. */
  cancelled = 0
  /** New connections to the stream are broken off. */
  isDown = false
  /** With it the stream is answered, and nothing comes. */
  isSilent = false
  readonly #options: DashboardServerOptions
  readonly #streams = new Set<ServerResponse>()
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  #eventId = 0

  constructor(options: DashboardServerOptions) {
    this.#options = options
    this.mesh = options.mesh
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  get readers(): number {
    return this.#streams.size
  }

  /** One second of the mesh. */
  tick(): void {
    this.mesh.advance()
    this.tellState()
  }

  tellState(): void {
    this.tell('state', this.mesh.state(Date.now()))
  }

  tell(kind: 'state' | 'mesh' | 'query' | 'alert', data: unknown): void {
    const text = this.#text(kind, data)
    for (const stream of this.#streams) stream.write(text)
  }

  /** As a node that is gone. */
  breakStreams(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  #text(kind: string, data: unknown): string {
    return `id: ${++this.#eventId}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const file = this.#options.files.get(path)
    if (file !== undefined) {
      response.writeHead(200, { ...headers, 'content-type': file.contentType, 'cache-control': 'no-cache' }).end(file.body)
      return
    }
    const { token = null, rememberedMinutes: minutes = 0 } = this.#options
    if (token !== null && path !== '/api/v1/session' && !(request.headers.cookie ?? '').includes(`session=${token}`)) return problem(response, 401, 'ERR_TOKEN', 'this node asks for a token')
    switch (path) {
      case '/api/v1/events': return this.#events(request, response)
      case '/api/v1/routes': return json(response, { queries: this.#options.queries ?? [] })
      case '/api/v1/alerts': return json(response, { alerts: this.mesh.alerts })
      case '/api/v1/databases': return json(response, { databases: [{ name: MESH_DATABASE, path: null, copies: [] }, ...this.mesh.databases()] })
      case '/api/v1/live/history': return json(response, this.mesh.history(Date.now(), minutes))
      case '/api/v1/latency': return json(response, this.mesh.latency(Date.now(), { database: searchParams.get('database') ?? '', minutes }))
      case '/api/v1/session': {
        const given = (JSON.parse(await bodyOf(request)) as { readonly token: string }).token
        if (given !== token) return problem(response, 401, 'ERR_TOKEN', 'the token is not that of the node')
        response.setHeader('set-cookie', `session=${given}; HttpOnly; SameSite=Strict; Path=/`)
        return json(response, { tokenRequired: true, open: true })
      }
      case '/api/v1/query': return this.#query(JSON.parse(await bodyOf(request)) as { readonly database: string; readonly sql: string }, response)
      case '/api/v1/explain': return json(response, this.#explanation((JSON.parse(await bodyOf(request)) as { readonly database: string }).database))
      default: return problem(response, 404, 'ERR_RESOURCE_UNKNOWN', 'there is no such resource')
    }
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.accept !== 'text/event-stream') return json(response, { events: this.#options.events ?? [] })
    if (this.isDown) {
      response.destroy()
      return
    }
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': open\n\n')
    this.#streams.add(response)
    response.once('close', () => this.#streams.delete(response))
    if (this.isSilent) return
    const now = Date.now()
    for (let second = this.#options.pastSeconds ?? 0; second > 0; second--) {
      this.mesh.advance()
      response.write(this.#text('state', this.mesh.state(now - second * 1000)))
    }
    response.write(this.#text('state', this.mesh.state(now)))
  }

  #query({ database, sql }: { readonly database: string; readonly sql: string }, response: ServerResponse): void {
    const { decision, to, reason } = this.mesh.route(database)
    if (sql.includes('slow')) {
      response.once('close', () => { this.cancelled += 1 })
      return
    }
    if (sql.includes('nothing_here')) return problem(response, 400, 'ERR_SQL', 'Catalog Error: Table with name nothing_here does not exist!', 'Correct the statement; the message is the engine’s own.')
    json(response, {
      columns: [{ name: 'customer_id', type: 'INTEGER' }, { name: 'name', type: 'VARCHAR' }, { name: 'spent', type: 'DECIMAL(10,2)' }],
      route: { decision, executedBy: { peerId: to?.peerId, name: to?.name }, latencyMs: to?.latencyMs, reason, strategy: 'nearest', failedAttempts: [], candidates: [], decisionUs: 14 },
      rows: [[4711, sql.includes('markup') ? 'Ada <script>alert(1)</script>' : 'Ada', '1204.50'], [815, 'Grace', '980.00'], [42, null, '12.25']],
      stats: { rows: 3, engineMs: 2.4, totalMs: 3.9 },
    })
  }

  #explanation(database: string): object {
    const [here, ...others] = this.mesh.members
    const { decision, to: target, reason } = this.mesh.route(database)
    return {
      database, access: 'read', tables: ['orders'], priority: 'normal', session: null, decision, code: null, reason, strategy: 'nearest', node: { peerId: here?.peerId, name: here?.name },
      target: { peerId: target?.peerId, name: target?.name, latencyMs: target?.latencyMs, via: null }, forwardedRatio: null, hotspotRatio: 0, hotspots: [], keptTo: null, shared: null, queue: null, omitted: 0,
      candidates: [here, ...others].filter((member) => member?.databases.some(({ name }) => name === database)).slice(0, 6).map((member, index) => ({
        ...member, role: 'replica', via: null, score: index, verdict: member?.peerId === target?.peerId ? 'chosen' : member?.state === 'failed' ? 'unhealthy' : member === here ? 'passed-over' : 'fallback',
        reason: member?.peerId === target?.peerId ? (member === here ? reason : 'the nearest healthy copy') : member?.state === 'failed' ? 'declared failed' : member === here ? reason : 'farther than the chosen one',
      })),
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { ...headers, 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

function problem(response: ServerResponse, status: number, code: string, detail: string, nextStep = ''): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/problem+json; charset=utf-8' }).end(JSON.stringify({ type: `urn:reedbase-mesh:error:${code}`, title: code, status, code, detail, nextStep, details: {} }))
}
