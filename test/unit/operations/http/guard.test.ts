import { describe, expect, it } from 'vitest'
import { Guard, SESSION_COOKIE, SESSION_MS } from '../../../../src/operations/http/guard.ts'

const open = new Guard({ token: null, tls: null }, () => 0)
const token = 'correct-horse-battery'
const crossSite = expect.objectContaining({ code: 'ERR_CROSS_SITE' }) as Error
const noToken = expect.objectContaining({ code: 'ERR_TOKEN' }) as Error

describe('the name that a request gives for this host', () => {
  it.each(['127.0.0.1', '127.0.0.1:7480', '127.8.9.10:1', 'localhost:7480', 'LOCALHOST', 'dashboard.localhost:80', 'localhost.', '[::1]:7480', '[::1]'])('%s is loopback', (host) => {
    expect(() => open.checkHost({ host })).not.toThrow()
  })

  it.each(['evil.example', 'evil.example:7480', '127.0.0.1.evil.example', 'localhost.evil.example', 'evil-localhost', '10.0.0.1:7480', '0.0.0.0', '[::]', '[fe80::1]:7480', '2130706433', '0x7f.1', '', '127.0.0.1:7480@evil.example', '[::1', 'localhost:7480:1'])('%s is not', (host) => {
    expect(() => open.checkHost({ host })).toThrow(crossSite)
  })

  it('is absent in HTTP/1.0, which no browser speaks', () => {
    expect(() => open.checkHost({})).not.toThrow()
  })

  it('may be any where a token is asked for', () => {
    expect(() => new Guard({ token, tls: null }, () => 0).checkHost({ host: 'db.example' })).not.toThrow()
  })
})

describe('the page that a request comes from', () => {
  const host = '127.0.0.1:7480'

  it.each([{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: `http://${host}` }, { 'sec-fetch-site': 'same-origin', origin: 'https://proxy.example' }])('%j is ours, or none', (headers) => {
    expect(() => open.checkOrigin({ host, ...headers })).not.toThrow()
  })

  it.each([{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' }, { origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://127.0.0.1:3000' }])('%j is another', (headers) => {
    expect(() => open.checkOrigin({ host, ...headers })).toThrow(crossSite)
  })
})

describe('the token', () => {
  const guard = new Guard({ token, tls: null }, () => 0)

  it('is asked for only where there is one', () => {
    expect(() => open.checkToken({})).not.toThrow()
    expect(() => guard.checkToken({})).toThrow(noToken)
  })

  it.each(['correct-horse-battery', 'Correct-horse-battery', 'correct-horse-batter', 'correct-horse-battery1', ''])('%j is taken only as it is', (given) => {
    const check = (): void => guard.checkToken({ authorization: `Bearer ${given}` })
    if (given === token) expect(check).not.toThrow()
    else expect(check).toThrow(noToken)
  })

  it.each([`Basic ${token}`, token, `Bearer ${token} ${token}`])('is not taken as %j', (authorization) => {
    expect(() => guard.checkToken({ authorization })).toThrow(noToken)
  })
})

describe('a session', () => {
  let nowMs = 1_000_000
  const guard = new Guard({ token, tls: null }, () => nowMs)
  const cookieOf = (header: string): string => header.slice(0, header.indexOf(';'))

  it('is a cookie that no script reads, no other site sends, and that does not hold the token', () => {
    const header = guard.sessionCookie()
    expect(header).toMatch(new RegExp(`^${SESSION_COOKIE}=[0-9]+\\.[0-9a-f]{64}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict$`))
    expect(header).not.toContain(token)
    expect(new Guard({ token, tls: { cert: Buffer.alloc(0), key: Buffer.alloc(0) } }, () => nowMs).sessionCookie()).toMatch(/; Secure$/)
    expect(() => guard.checkToken({ cookie: `theme=dark; ${cookieOf(header)}` })).not.toThrow()
  })

  it('ends by itself, with the process, and when it is changed', () => {
    const cookie = cookieOf(guard.sessionCookie())
    expect(() => new Guard({ token, tls: null }, () => nowMs).checkToken({ cookie })).toThrow(noToken)
    const [, value = ''] = cookie.split('=')
    const [endMs = '', signature = ''] = value.split('.')
    expect(() => guard.checkToken({ cookie: `${SESSION_COOKIE}=${Number(endMs) + 1}.${signature}` })).toThrow(noToken)
    expect(() => guard.checkToken({ cookie: `${SESSION_COOKIE}=${endMs}.${signature.replace(/^./, (first) => (first === '0' ? '1' : '0'))}` })).toThrow(noToken)
    nowMs += SESSION_MS
    expect(() => guard.checkToken({ cookie })).toThrow(noToken)
  })

  it('does not stand in for a token that is wrong', () => {
    expect(() => guard.checkToken({ authorization: 'Bearer wrong', cookie: cookieOf(guard.sessionCookie()) })).toThrow(noToken)
  })
})
