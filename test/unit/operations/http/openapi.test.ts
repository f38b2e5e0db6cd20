import { readFile } from 'node:fs/promises'
import { fastify } from 'fastify'
import { Validator } from '@seriousme/openapi-schema-validator'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { EventFeed } from '../../../../src/operations/http/event-feed.ts'
import { EventStreams } from '../../../../src/operations/http/event-streams.ts'
import { Guard } from '../../../../src/operations/http/guard.ts'
import { UNOBSERVED } from '../../../../src/operations/http/http-observer.ts'
import { addRoutes } from '../../../../src/operations/http/http-routes.ts'
import { LiveState } from '../../../../src/operations/http/live-state.ts'
import { Places } from '../../../../src/operations/http/places.ts'
import { TokenAttempts } from '../../../../src/operations/http/token-attempts.ts'
import { fakeApp, fakeNode } from './fake-node.ts'

type Operation = Readonly<{ security?: readonly object[]; requestBody?: object; responses: Readonly<Record<string, object>>; parameters?: ReadonlyArray<{ readonly name: string; readonly in: string; readonly required?: boolean }> }>
let paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {}
let text = ''

beforeAll(async () => {
  text = await readFile('docs/openapi.yaml', 'utf8')
  paths = (parse(text) as { paths: typeof paths }).paths
})

/** As OpenAPI writes them: `get /primary/{database}`. */
async function registered(): Promise<string[]> {
  const { inspection, clock, log } = fakeNode()
  const live = new LiveState(inspection, null)
  const feed = new EventFeed(inspection)
  const app = fastify()
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url }) => {
    // HEAD comes with each GET.
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}').replace('*', '{file}')}`)
  })
  await addRoutes(app, { inspection, metrics: null, alerts: null, tables: null, files: null, observer: null, tracing: null, guard: new Guard({ token: null, tls: null }, () => 0), attempts: new TokenAttempts({ clock, log, observer: UNOBSERVED }), places: new Places(1, UNOBSERVED), live, streams: new EventStreams({ feed, live, clock, log }) })
  await app.close()
  return routes.sort()
}

describe('docs/openapi.yaml', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(parse(text) as Record<string, unknown>)
    expect(errors ?? []).toEqual([])
    expect(valid).toBe(true)
  })

  it('has every route, and no other', async () => {
    expect(Object.entries(paths).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method} ${path}`)).sort()).toEqual(await registered())
  })

  it('says of each operation that it may fail, and which need no token, as it is', async () => {
    const { app, close } = await fakeApp(fakeNode(), { protection: { token: 'correct-horse-battery', tls: null } })
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { security, responses, requestBody }] of Object.entries(operations)) {
        expect([method, path, Object.hasOwn(responses, 'default')]).toEqual([method, path, true])
        const url = path.replace('{database}', 'users').replace('{file}', 'nothing')
        const { statusCode } = await app.inject({ method: method.toUpperCase() as 'GET', url, ...(requestBody === undefined ? {} : { headers: { 'content-type': 'application/json' }, payload: '{}' }) })
        expect([method, path, statusCode === 401]).toEqual([method, path, security === undefined])
      }
    }
    await close()
  })

  it('names the parameters that each route takes', async () => {
    const { app, close } = await fakeApp(fakeNode())
    for (const [path, { get }] of Object.entries(paths)) {
      if (get === undefined || !path.startsWith('/api/v1/') || path === '/api/v1/session') continue
      const url = `${path}?${(get.parameters ?? []).filter((parameter) => parameter.in === 'query' && parameter.required === true).map(({ name }) => `${name}=users`).join('&')}`
      const headers = { accept: 'application/json' }
      expect([url, (await app.inject({ url, headers })).statusCode]).toEqual([url, 200])
      expect([url, (await app.inject({ url: `${url}&unknown=1`, headers })).statusCode]).toEqual([url, 400])
    }
    await close()
  })

  it('speaks of no machine', () => {
    expect(text).not.toMatch(/\/home\/|\/work\/|\/tmp\//)
  })
})
