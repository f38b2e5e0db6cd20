/**
 * One port number for both TCP (libp2p) and UDP (datagrams), so that an address names a node for either and a firewall needs one rule.
 * UDP is bound first, because it tells at once whether the number is free; for port 0, where the system picks for UDP, TCP may find the
 * same number taken: then another is picked.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { tcpMultiaddr } from '../adapters/libp2p/address.ts'
import { createMesh, type Mesh, type MeshOptions } from '../adapters/libp2p/mesh.ts'
import { openDatagrams } from '../adapters/udp/datagrams.ts'
import type { Random } from '../core/time/random.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Datagrams } from '../ports/datagrams.ts'
import type { Log } from '../ports/log.ts'
import type { NodeOptions } from './options.ts'

type Identity = Parameters<typeof createMesh>[0]['privateKey']

export interface ListenerParts {
  readonly identity: Identity
  readonly clusterKeys: readonly Uint8Array[]
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  readonly metrics?: MeshOptions['metrics']
}

const freePortAttemptsMax = 8

/** @throws MeshError ERR_INSECURE_LISTEN, ERR_PORT_BUSY, ERR_ADDRESS_UNAVAILABLE */
export async function openListeners(options: NodeOptions, parts: ListenerParts): Promise<{ readonly mesh: Mesh; readonly datagrams: Datagrams }> {
  const { host, port } = options.listen
  if (parts.clusterKeys.length === 0 && !options.insecure && !isLoopback(host)) {
    throw new MeshError('ERR_INSECURE_LISTEN', `this node has no cluster key, so anybody who reaches ${host} could join its mesh`, { details: { host } })
  }
  for (let attempt = 1; ; attempt++) {
    const datagrams = await openDatagrams({ host, port, peerId: parts.identity.publicKey.toString(), clusterKeys: parts.clusterKeys, cluster: options.cluster, clock: parts.clock })
    try {
      const mesh = await createMesh({
        privateKey: parts.identity, host, port: datagrams.local.port, clusterKeys: parts.clusterKeys, cluster: options.cluster,
        ...(options.advertise === null ? {} : { announce: [tcpMultiaddr(options.advertise.host, options.advertise.port ?? 0).toString()] }),
        limits: { connectionsMax: options.connectionsMax, pingTimeoutMs: options.pingTimeoutMs }, log: parts.log, clock: parts.clock, random: parts.random, ...(parts.metrics === undefined ? {} : { metrics: parts.metrics }),
      })
      await mesh.start()
      return { mesh, datagrams }
    } catch (error) {
      await datagrams.close()
      const taken = error instanceof MeshError && error.code === 'ERR_PORT_BUSY'
      if (!taken || port !== 0 || attempt === freePortAttemptsMax) throw error
    }
  }
}

/**
 * Where others send datagrams to: as advertised, or as listened on, or, when that is every address, the first one that is not loopback. A
 * record carries an IP address, never a name: whoever checks a record must not have to ask a name server.
 * @throws MeshError ERR_ADDRESS_UNAVAILABLE for an advertised name that does not resolve
 */
export async function reachableUdp(options: NodeOptions, local: Datagrams['local']): Promise<{ readonly udpHost: string; readonly udpPort: number }> {
  const { advertise } = options
  if (advertise !== null) return { udpHost: await resolveName(advertise.host), udpPort: advertise.port ?? local.port }
  if (local.host !== '0.0.0.0' && local.host !== '::') return { udpHost: local.host, udpPort: local.port }
  const family = local.host === '::' ? 'IPv6' : 'IPv4'
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []).filter((address) => address.family === family)
  const outside = all.find((address) => !address.internal && !address.address.startsWith('fe80:')) ?? all[0]
  return { udpHost: outside?.address ?? (family === 'IPv6' ? '::1' : '127.0.0.1'), udpPort: local.port }
}

async function resolveName(host: string): Promise<string> {
  if (isIP(host) !== 0) return host
  try {
    return (await lookup(host)).address
  } catch (error) {
    throw new MeshError('ERR_ADDRESS_UNAVAILABLE', `the advertised name ${host} does not resolve`, { nextStep: 'Advertise an IP address, or a name that resolves on this host.', cause: error })
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
