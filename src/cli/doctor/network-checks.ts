/** The network as it is seen without a node: whether its ports are free, and whether its seeds answer. */
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { createConnection, createServer, isIPv6 } from 'node:net'
import type { HostPort } from '../../node/options-values.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const dialMs = 2_000
const seedsMax = 16

/** Takes the port for a moment, and gives it back. */
export async function portFindings(listen: HostPort): Promise<Finding[]> {
  if (listen.port === 0) return [ok('ports', `any free port of ${listen.host}`)]
  const [tcp, udp] = await Promise.all([takeTcp(listen), takeUdp(listen)])
  return [portFinding('TCP', listen, tcp), portFinding('UDP', listen, udp)]
}

export async function httpPortFinding(listen: HostPort): Promise<Finding | null> {
  return listen.port === 0 ? null : portFinding('HTTP', listen, await takeTcp(listen))
}

function portFinding(what: 'TCP' | 'UDP' | 'HTTP', { host, port }: HostPort, code: string | null): Finding {
  const shown = `${what} port ${port} on ${host}`
  switch (code) {
    case null: return ok('ports', `${shown} is free`)
    case 'EADDRINUSE': return fail('ports', `${shown} is taken by another process`, `${what === 'UDP' ? `ss -lunp 'sport = :${port}'` : `ss -ltnp 'sport = :${port}'`} shows which; or choose another with ${what === 'HTTP' ? '--http-listen' : '--listen'}`)
    case 'EADDRNOTAVAIL': return fail('ports', `${host} is not an address of this host`, 'Listen on one of this host (ip -brief address), or on 0.0.0.0.')
    case 'EACCES': return fail('ports', `${shown} may not be used by this user`, 'Choose a port from 1024.')
    default: return fail('ports', `${shown} cannot be used: ${code}`, 'Choose another with --listen.')
  }
}

function takeTcp({ host, port }: HostPort): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => { resolve(error.code ?? error.message) })
    server.listen({ host, port, exclusive: true }, () => { server.close(() => { resolve(null) }) })
  })
}

function takeUdp({ host, port }: HostPort): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code ?? error.message)
    })
    socket.bind({ address: host, port, exclusive: true }, () => { socket.close(() => { resolve(null) }) })
  })
}

/** By a plain TCP connect: what is behind the port, and UDP, only a node can find out. */
export async function seedFindings(seeds: readonly string[]): Promise<Finding[]> {
  return await Promise.all(seeds.slice(0, seedsMax).map(seedFinding))
}

async function seedFinding(seed: string): Promise<Finding> {
  const target = seedTarget(seed)
  if (target === null) return warn('reachability', `the seed ${seed} is of a form that is not dialled here`, 'rdb start tells whether it answers.')
  const { host, port } = target
  const addresses = await lookup(host, { all: true }).catch(() => [])
  if (addresses.length === 0) return fail('reachability', `the seed ${seed} has no address: ${host} is not known to the resolver`, `getent hosts ${host}`)
  const outcome = await dial({ host: addresses[0]?.address ?? host, port })
  switch (outcome) {
    case 'open': return ok('reachability', `the seed ${seed} takes TCP connections`)
    case 'refused': return fail('reachability', `the seed ${seed} refuses: its host is there, and no node listens on ${port}`, `Start the node there, or correct --seed.`)
    case 'silent': return fail('reachability', `the seed ${seed} does not answer within ${dialMs / 1_000} s`, `Open port ${port} for tcp and udp between here and ${host}, in both directions.`)
  }
}

/** Of `host:port`, `dns:host:port`, and of a multiaddr. */
export function seedTarget(seed: string): { readonly host: string; readonly port: number } | null {
  const [, multiHost, multiPort] = /^\/(?:ip4|ip6|dns[46]?|dnsaddr)\/([^/]+)\/tcp\/(\d+)/.exec(seed) ?? []
  const [, host, port] = multiHost === undefined ? /^(?:dns:)?(\[[^\]]+\]|[^:/]+):(\d+)$/.exec(seed) ?? [] : [seed, multiHost, multiPort]
  return host === undefined || port === undefined ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function dial({ host, port }: { readonly host: string; readonly port: number }): Promise<'open' | 'refused' | 'silent'> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: dialMs })
    const end = (outcome: 'open' | 'refused' | 'silent'): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', () => { end('open') })
    socket.once('timeout', () => { end('silent') })
    socket.once('error', (error: NodeJS.ErrnoException) => { end(error.code === 'ECONNREFUSED' ? 'refused' : 'silent') })
  })
}
