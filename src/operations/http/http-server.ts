/** HTTP beside a node: health, API, metrics and dashboard, on one port, until the node closes. */
import { createHttpApp } from './http-app.ts'
import type { HttpSources } from './http-room.ts'
import { listen } from './listening.ts'
import type { Protection } from './protection.ts'

/**
 * Answers the URL. During a drain it goes on, and says so in health.
 * @throws MeshError ERR_PORT_BUSY, ERR_ADDRESS_UNAVAILABLE
 */
export async function startHttp(sources: HttpSources, protection: Protection): Promise<string> {
  const { inspection } = sources
  const { log, options: { http } } = inspection
  const { app, close } = await createHttpApp(sources, protection)
  inspection.onClose('HTTP', close)
  const url = await listen(app, http, { log, isSecure: protection.tls !== null })
  await inspection.announceHttp(url)
  log.info({ url, token: protection.token !== null }, `HTTP: ${url}${protection.token === null ? ' (open to every user of this host; http.tokenFile asks for a token)' : ''}`)
  return url
}
