/** What people type for a node: `host:port`, `[::1]:port`, `name:port`, or a multiaddr with or without `/p2p/…`. */
import { isIPv4, isIPv6 } from 'node:net'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MeshError } from '../../errors.ts'

const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i

/** @throws MeshError ERR_OPTION_INVALID */
export function parseAddress(address: string): Multiaddr {
  if (address.startsWith('/')) return parseMultiaddr(address)
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3] ?? 0)
  if (match === null || port < 1 || port > 65_535) throw invalidAddress(address, 'it has no port from 1 to 65535')
  const bracketed = match[1]
  const host = match[2] ?? ''
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) throw invalidAddress(address, 'what stands in brackets is not an IPv6 address')
    return tcpMultiaddr(bracketed, port)
  }
  if (!isIPv4(host) && (!NAME.test(host) || /^[\d.]+$/.test(host))) throw invalidAddress(address, 'the host is neither an IP address nor a DNS name')
  return tcpMultiaddr(host, port)
}

/** A multiaddr of an IP address or a DNS name; IPv6 without brackets. */
export function tcpMultiaddr(host: string, port: number): Multiaddr {
  const kind = isIPv4(host) ? 'ip4' : isIPv6(host) ? 'ip6' : 'dns'
  return multiaddr(`/${kind}/${host}/tcp/${port}`)
}

/** The host and port of an address that `parseAddress` takes; null for another. */
export function hostPort(address: Multiaddr): { readonly host: string; readonly port: number } | null {
  const [host, transport] = address.getComponents()
  return host?.value === undefined || transport?.name !== 'tcp' ? null : { host: host.value, port: Number(transport.value) }
}

function parseMultiaddr(text: string): Multiaddr {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (cause) {
    throw invalidAddress(text, 'it is not a valid multiaddr', cause)
  }
  const names = address.getComponents().map((component) => component.name)
  const [host, transport, ...rest] = names
  const reachable = host !== undefined && ['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(host) && transport === 'tcp'
  if (!reachable || rest.length > 1 || (rest.length === 1 && rest[0] !== 'p2p')) {
    throw invalidAddress(text, 'only /ip4, /ip6 or /dns… with /tcp, and a /p2p at the end, can be dialled')
  }
  const peerId = address.getComponents()[2]?.value
  if (peerId !== undefined && !isPeerId(peerId)) throw invalidAddress(text, 'what follows /p2p is not a PeerId')
  return address
}

function isPeerId(text: string): boolean {
  try {
    peerIdFromString(text)
    return true
  } catch {
    // Every way of failing to parse means the same here.
    return false
  }
}

function invalidAddress(address: string, why: string, cause?: unknown): MeshError {
  return new MeshError('ERR_OPTION_INVALID', `"${address}" is not an address of a node: ${why}.`, {
    nextStep: 'Write it as 10.0.0.5:7400, [fd00::5]:7400, db1.example.org:7400, or a multiaddr such as /ip4/10.0.0.5/tcp/7400/p2p/12D3….',
    details: { address },
    ...(cause === undefined ? {} : { cause }),
  })
}
