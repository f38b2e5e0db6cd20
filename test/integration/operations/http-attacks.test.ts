/** HTTP against those who mean no good, over real sockets: a node that tests make up is behind it, and its clock is theirs. */
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { UNOBSERVED } from '../../../src/operations/http/http-observer.ts'
import { HTTP_STALL_MS, PIPELINED_MAX } from '../../../src/operations/http/connections.ts'
import { startHttp } from '../../../src/operations/http/http-server.ts'
import { until } from '../../support/processes.ts'
import { fakeApp, fakeNode, responseOf } from '../../unit/operations/http/fake-node.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from './loopback-certificate.ts'

const cleanups: Array<() => Promise<unknown> | void> = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

async function serve({ isSecure = false, requestsMax = 1 } = {}) {
  const node = fakeNode({ requestsMax })
  const refusals: string[] = []
  const { app, close } = await fakeApp(node, {
    protection: { token: null, tls: isSecure ? { cert: Buffer.from(CERTIFICATE), key: Buffer.from(CERTIFICATE_KEY) } : null },
    observer: { ...UNOBSERVED, handleRefusal: (code) => { refusals.push(code) } },
  })
  cleanups.push(close)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    cleanups.push(() => { socket.destroy() })
    await once(socket, 'connect')
    return socket
  }
  /** All that comes until the other side closes. */
  const exchange = async (text: string): Promise<string> => {
    const socket = isSecure ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : await open()
    socket.on('error', () => undefined)
    socket.write(text)
    let answer = ''
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk as string
    return answer
  }
  const inFlight = async (): Promise<number> => (await app.inject({ url: '/health/metrics' })).json<{ http: { requestsInFlight: number } }>().http.requestsInFlight
  return { node, app, refusals, open, exchange, inFlight }
}

const asked = (accept: string, version = '1.1', connection = 'close'): string => {
  const body = '{"database":"users","sql":"SELECT 1"}'
  return `POST /api/v1/query HTTP/${version}\r\nHost: localhost\r\nConnection: ${connection}\r\nAccept: ${accept}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
const live = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

describe('what is no request', () => {
  it('is refused as everything else is: a problem with a code, and the end of the connection', async () => {
    const { exchange, refusals } = await serve()
    const head = 'POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
    for (const [text, status, code] of [
      [`${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'ERR_REQUEST_INVALID'],
      [`${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\n`, 400, 'ERR_REQUEST_INVALID'],
      ['hello\r\n\r\n', 400, 'ERR_REQUEST_INVALID'],
      [live.replace('Host: localhost\r\n', ''), 400, 'ERR_REQUEST_INVALID'],
      [live.replace('\r\n\r\n', `\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`), 431, 'ERR_REQUEST_TOO_LARGE'],
      [`${head}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(40_000)}\r\n`, 413, 'ERR_REQUEST_TOO_LARGE'],
      [live.replace('\r\n\r\n', '\r\nExpect: wonders\r\n\r\n'), 417, 'ERR_REQUEST_INVALID'],
    ] as const) {
      const answer = await exchange(text)
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(answer.toLowerCase()).toContain('content-type: application/problem+json')
      expect(JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '')).toMatchObject({ status, code })
      expect(refusals.splice(0)).toEqual([code])
    }
  })
})

describe('HTTP/1.0', () => {
  it.each(['text/csv', 'application/json'])('has %s without chunks and trailers, and its end with the connection', async (accept) => {
    const { exchange } = await serve()
    const [head = '', body = ''] = (await exchange(asked(accept, '1.0', 'keep-alive'))).split('\r\n\r\n')
    expect(head.toLowerCase()).toContain('connection: close')
    expect(head.toLowerCase()).not.toMatch(/transfer-encoding|trailer/)
    expect(body).toMatch(accept === 'text/csv' ? /^id,name\n1,ada\n2,\n$/ : /^\{"columns".*\}\n$/s)
  })
})

describe('connections that say nothing', () => {
  it.each([false, true])('close one another and no other (TLS: %s)', async (isSecure) => {
    const { open, exchange, app } = await serve({ isSecure })
    expect(app.server.headersTimeout).toBeLessThanOrEqual(5_000)
    const sockets = await Promise.all(Array.from({ length: 300 }, open))
    expect(await exchange(live)).toMatch(/^HTTP\/1\.1 200 /)
    await until('the first of them to be closed', () => sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length > 40)
    expect(await exchange(live)).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('requests that are sent without waiting for answers', () => {
  it('are refused beyond a few, since all of a packet are taken up at once', async () => {
    const { node, open, refusals } = await serve()
    const gate = Promise.withResolvers<undefined>()
    const { answer } = node
    node.answer = async (...given) => {
      await gate.promise
      return await answer(...given)
    }
    const socket = await open()
    socket.write(asked('application/json', '1.1', 'keep-alive') + live.replace('close', 'keep-alive').repeat(39) + live)
    await until('those that are too many to be refused', () => refusals.length === 41 - PIPELINED_MAX)
    gate.resolve(undefined)
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) text += chunk as string
    expect([text.match(/HTTP\/1\.1 200 /g)?.length, text.match(/HTTP\/1\.1 503 /g)?.length, new Set(refusals)]).toEqual([PIPELINED_MAX, 41 - PIPELINED_MAX, new Set(['ERR_OVERLOADED'])])
  })
})

describe('the log', () => {
  it.each([[null, true], ['correct-horse-battery', false]])('says at the start who may ask (token %s)', async (token, isOpen) => {
    const node = fakeNode({ listen: '127.0.0.1:0' })
    cleanups.push(async () => { for (const end of node.ended) await end() })
    await startHttp({ inspection: node.inspection, metrics: null, alerts: null, tables: null, files: null, observer: null, tracing: null }, { token, tls: null })
    const line = node.log.lines.find((text) => text.includes('HTTP: http://127.0.0.1:')) ?? ''
    expect([line.startsWith('info'), line.includes('open to every user of this host; http.tokenFile asks for a token')]).toEqual([true, isOpen])
  })
})

describe('a body', () => {
  const announced = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{`

  it('is waited for in one of the places, so that there are as many at most', async () => {
    const { open, exchange, inFlight } = await serve()
    const sender = await open()
    sender.write(announced('/api/v1/query'))
    await until('its place to be taken', async () => await inFlight() === 1)
    expect(await exchange(announced('/api/v1/explain'))).toMatch(/^HTTP\/1\.1 503 .*ERR_OVERLOADED/s)
    expect(await exchange(live)).toMatch(/^HTTP\/1\.1 200 /)
    sender.destroy()
    await until('its place to be free', async () => await inFlight() === 0)
  })

  it.each([['/nothing', 404], ['/api/v1/session', 413]])('is not waited for at %s', async (path, status) => {
    const { exchange } = await serve()
    expect(await exchange(announced(path))).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })
})

describe('a reader who takes nothing', () => {
  it.each(['application/json', 'text/csv', 'application/vnd.apache.arrow.stream'])('of %s has the engine and the place for 30 s only', async (accept) => {
    const { node, open, inFlight } = await serve()
    let rows = 0
    let isLeft = false
    node.answer = () => Promise.resolve(responseOf([{ name: 'text', type: 'text' }], (async function* () {
      try {
        for (;;) {
          rows++
          yield await Promise.resolve(['x'.repeat(10_000)])
        }
      } finally {
        isLeft = true
      }
    })()))
    const socket = await open()
    socket.pause().write(asked(accept))
    let seen = -1
    await until('the engine to stand still', () => {
      const isStill = rows > 0 && seen === rows
      seen = rows
      return isStill
    })
    expect(await inFlight()).toBe(1)
    for (let ms = 0; ms <= HTTP_STALL_MS + 5_000; ms += 5_000) node.clock.advance(5_000)
    await until('the engine to be left', () => isLeft)
    expect(await inFlight()).toBe(0)
  })
})

describe('HEAD of the event stream', () => {
  it('leaves nothing open, however often it is asked', async () => {
    const { node, exchange, inFlight } = await serve()
    const before = node.clock.pending
    const head = 'HEAD /api/v1/events?state=1 HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n'
    for (let i = 0; i < 5; i++) expect(await exchange(`${head}${head.replace('keep-alive', 'close')}`)).toMatch(/^HTTP\/1\.1 (200|503) /)
    await until('the places to be free', async () => await inFlight() === 0)
    // But for the one that looks after connections.
    expect(node.clock.pending - before).toBeLessThanOrEqual(1)
  })
})
