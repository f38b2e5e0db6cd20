/**
 * Who may ask. On loopback anybody of this host, but no page of another site in its browser: such a page reaches loopback by a name of its
 * own that resolves there (DNS rebinding), or sends requests whose answers it cannot read. With a token, whoever has it.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { MeshError } from '../../errors.ts'
import { isLoopback, type Protection } from './protection.ts'

export const SESSION_COOKIE = 'reedbase_session'
export const SESSION_MS = 12 * 3_600_000

export class Guard {
  readonly #token: Buffer | null
  readonly #isSecure: boolean
  /** Of this process, so that a restart ends all sessions. */
  readonly #secret = randomBytes(32)
  readonly #wallMs: () => number

  constructor({ token, tls }: Protection, wallMs: () => number) {
    this.#token = token === null ? null : digest(token)
    this.#isSecure = tls !== null
    this.#wallMs = wallMs
  }

  get asksForToken(): boolean {
    return this.#token !== null
  }

  /**
   * For every request. With a token the name may be a proxy's, and a page by another name has neither token nor cookie.
   * @throws MeshError ERR_CROSS_SITE
   */
  checkHost({ host }: IncomingHttpHeaders): void {
    // HTTP/1.0 has none, and no browser speaks it.
    if (this.#token !== null || host === undefined) return
    if (!isLoopbackName(host)) throw new MeshError('ERR_CROSS_SITE', `this node serves loopback, and the request names the host ${JSON.stringify(host.slice(0, 300))}`)
  }

  /**
   * For all that tells or does something.
   * @throws MeshError ERR_CROSS_SITE
   */
  checkOrigin({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
    // Browsers that tell the one leave the other to older ones, and behind a proxy the host is not the page's.
    const isForeign = site === undefined ? origin !== undefined && hostOf(origin) !== host : site !== 'same-origin' && site !== 'none'
    if (isForeign) throw new MeshError('ERR_CROSS_SITE', `the request comes from a page of another site${origin === undefined ? '' : `, ${JSON.stringify(String(origin).slice(0, 300))}`}`)
  }

  /** @throws MeshError ERR_TOKEN */
  checkToken({ authorization, cookie }: IncomingHttpHeaders): void {
    if (this.#token === null) return
    if (authorization !== undefined) {
      const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
      if (given === undefined || !this.matches(given)) throw new MeshError('ERR_TOKEN', 'the token is not that of the node')
      return
    }
    if (!this.#isSession(cookieOf(cookie, SESSION_COOKIE))) throw new MeshError('ERR_TOKEN', 'the request has no token')
  }

  /** In a time that tells nothing of the token, its length included. */
  matches(token: string): boolean {
    return this.#token !== null && timingSafeEqual(digest(token), this.#token)
  }

  /** The header Set-Cookie for who gave the token: it lasts 12 hours, or until the node restarts, and does not hold the token. */
  sessionCookie(): string {
    const endMs = String(Math.round(this.#wallMs()) + SESSION_MS)
    return this.#cookie(`${endMs}.${this.#sign(endMs)}`, SESSION_MS / 1_000)
  }

  endedCookie(): string {
    return this.#cookie('', 0)
  }

  #cookie(value: string, maxAgeSeconds: number): string {
    return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${this.#isSecure ? '; Secure' : ''}`
  }

  #sign(endMs: string): string {
    return createHmac('sha256', this.#secret).update(endMs).digest('hex')
  }

  #isSession(value: string | null): boolean {
    const [, endMs, signature] = /^(\d{1,16})\.([0-9a-f]{64})$/.exec(value ?? '') ?? []
    if (endMs === undefined || signature === undefined || Number(endMs) <= this.#wallMs()) return false
    return timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(endMs)))
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return null
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null
}

function isLoopbackName(host: string): boolean {
  // Not by URL, which takes 0x7f.1 and the like for addresses.
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host)
  const [, bracketed, bare] = name ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6 && isLoopback(bracketed)
  const lower = (bare ?? '').toLowerCase().replace(/\.$/, '')
  return lower === 'localhost' || lower.endsWith('.localhost') || (isIP(lower) === 4 && isLoopback(lower))
}
