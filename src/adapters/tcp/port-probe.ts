/** Opens and closes a plain TCP connection, to tell a dead process from a hung one and from a host that is gone. */
import { createConnection } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { PortProbe } from '../../ports/port-probe.ts'

type Outcome = Awaited<ReturnType<PortProbe>>

/** The first address that can be tried decides; a node listens on one port. */
export const probePort: PortProbe = async (multiaddrs, timeoutMs) => {
  for (const text of multiaddrs) {
    const target = targetOf(text)
    if (target !== null) return await connectOnce(target, timeoutMs)
  }
  return null
}

function connectOnce(target: { readonly host: string; readonly port: number }, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...target, timeout: timeoutMs })
    const end = (outcome: Outcome): void => {
      // A reset rather than a farewell: the other side has nothing to wait for. Before it is connected, a reset would wait for the kernel to give up.
      if (outcome === 'open') socket.resetAndDestroy()
      else socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', () => { end('open') })
    socket.once('timeout', () => { end('silent') })
    socket.once('error', (error: NodeJS.ErrnoException) => { end(outcomeOf(error.code)) })
  })
}

function outcomeOf(code: string | undefined): Outcome {
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused'
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
    case 'ENETUNREACH':
      return 'silent'
    default:
      return null
  }
}

function targetOf(text: string): { readonly host: string; readonly port: number } | null {
  try {
    const [host, transport] = multiaddr(text).getComponents()
    const port = Number(transport?.value)
    if (host?.value === undefined || !/^ip[46]$/.test(host.name) || transport?.name !== 'tcp' || !(port > 0 && port < 65_536)) return null
    return { host: host.value, port }
  } catch {
    // A member may announce anything; what does not parse cannot be tried.
    return null
  }
}
