/**
 * TLS 1.3 under a pre-shared key that serves once, with a fresh key agreement (psk_dhe_ke, RFC 8446 §2.2): both sides prove that they know the
 * ticket's secret, and who learns it later can read nothing. There are no certificates: the server has none, and the client takes none.
 */
import { constants } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'
import { TICKET_ID_BYTES, TICKET_SECRET_BYTES } from './tickets.ts'

/** The first byte of a TLS record that carries a handshake; a connection of libp2p begins with 0x13. */
export const TLS_FIRST_BYTE = 0x16

const suite: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // The one hash that a pre-shared key of this kind has; with another suite to choose from, OpenSSL would pass the key over.
  ciphers: 'TLS_AES_128_GCM_SHA256',
  // A session must not be resumed: what it had proved may not hold any more.
  secureOptions: constants.SSL_OP_NO_TICKET,
}
const serverContext = createSecureContext(suite)
const clientContext = createSecureContext(suite)
const idPattern = new RegExp(`^[0-9a-f]{${2 * TICKET_ID_BYTES}}$`)

export interface Secured {
  readonly socket: TLSSocket
  /** Below it: a close or a reset is its affair. */
  readonly tcp: Socket
}

/**
 * Ends with the socket: whoever accepts it bounds the time. `find` answers the secret of a ticket, or null. It is asked for each name that the
 * client offers until one has a secret, and only the last answer counts.
 */
export function secureInbound(tcp: Socket, find: (id: string) => Buffer | null): Promise<Secured> {
  const socket = new TLSSocket(tcp, {
    isServer: true,
    allowHalfOpen: true,
    secureContext: serverContext,
    pskCallback: (_socket: TLSSocket, id: string) => find(idPattern.test(id) ? id : ''),
  } as ConstructorParameters<typeof TLSSocket>[1])
  return whenSecure(socket, tcp, 'secure', () => socket.isSessionReused())
}

export interface DirectTarget {
  readonly host: string
  readonly port: number
  readonly id: string
  readonly secret: Buffer
}

/** @throws Error when nothing listens there, or what listens does not know the ticket */
export async function secureOutbound({ host, port, id, secret }: DirectTarget, signal: AbortSignal): Promise<Secured> {
  signal.throwIfAborted()
  const tcp = connectTcp({ host, port, noDelay: true, allowHalfOpen: true })
  const onAbort = (): void => { tcp.destroy(signal.reason instanceof Error ? signal.reason : new Error('The dial was given up.')) }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const socket = connectTls({
      // Half-open as `tcp` is.
      socket: tcp,
      secureContext: clientContext,
      pskCallback: () => ({ psk: secret, identity: id }),
      // Asked only where a certificate was shown in place of the proof.
      checkServerIdentity: () => new Error('A certificate was shown where a ticket was to be proved.'),
    })
    return await whenSecure(socket, tcp, 'secureConnect', () => socket.isSessionReused() && socket.getProtocol() === 'TLSv1.3')
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Answers of a ticket request: the id and the secret; empty: no direct stream, use one of the connection's own. */
export function encodeTicket(id: string, secret: Buffer): Uint8Array {
  return Buffer.concat([Buffer.from(id, 'hex'), secret])
}

export const TICKET_BYTES = TICKET_ID_BYTES + TICKET_SECRET_BYTES

/** Null for an answer without a ticket, or with something else. */
export function decodeTicket(bytes: Uint8Array): { readonly id: string; readonly secret: Buffer } | null {
  if (bytes.length !== TICKET_BYTES) return null
  return { id: Buffer.from(bytes.subarray(0, TICKET_ID_BYTES)).toString('hex'), secret: Buffer.from(bytes.subarray(TICKET_ID_BYTES)) }
}

/** Resolves paused: nothing is delivered before somebody listens. */
function whenSecure(socket: TLSSocket, tcp: Socket, event: 'secure' | 'secureConnect', isProven: () => boolean): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.destroy()
      tcp.destroy()
      reject(error)
    }
    const onClose = (): void => { onError(new Error('The connection closed during the handshake.')) }
    socket.on('error', onError)
    socket.on('close', onClose)
    tcp.on('error', onError)
    tcp.on('close', onClose)
    socket.once(event, () => {
      if (!isProven()) {
        onError(new Error('The handshake ended without a proof of the ticket.'))
        return
      }
      socket.pause()
      socket.off('close', onClose)
      tcp.off('close', onClose)
      resolve({ socket, tcp })
      // The owner of the stream listens from now on; an error without any listener would end the process.
      socket.off('error', onError).on('error', () => undefined)
      tcp.off('error', onError).on('error', () => undefined)
    })
  })
}
