/**
 * The last name that a dialler offers and a listener takes: when nothing else is shared, the two settle on it, and the handshake fails
 * with a reason instead of a silence. The dialler says its wire version, its label and the fingerprints of its keys; the listener
 * answers with one word and gives nothing else away. None of it is authenticated: it explains a refusal and never lifts one.
 */
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import { clusterLabelPattern, wireVersion } from '../../wire/cluster.ts'

export const STRANGER_PROTOCOL = '/reedbase/stranger/1.0'
export const STRANGER_LINE_BYTES_MAX = 256

/** `version`: another wire version; `cluster`: another label; `key`: no cluster key in common. */
export type StrangerReason = 'version' | 'cluster' | 'key'

export interface Knock {
  readonly version: number
  readonly label: string
  /** The first 8 digits each. */
  readonly fingerprints: readonly string[]
}

const reasons: readonly StrangerReason[] = ['version', 'cluster', 'key']
/** The upgrader keeps only the message of what stopped a handshake. */
const errorPrefix = 'refused as a stranger: '

export function strangerReason(error: unknown): StrangerReason | null {
  if (!(error instanceof Error) || !error.message.startsWith(errorPrefix)) return null
  const word = error.message.slice(errorPrefix.length)
  return reasons.find((reason) => reason === word) ?? null
}

export function createStrangerEncrypter(own: () => Omit<Knock, 'version'>, onKnock: (reason: StrangerReason, knock: Knock) => void): ConnectionEncrypter {
  return {
    protocol: STRANGER_PROTOCOL,
    async secureOutbound(connection, options): Promise<SecuredConnection> {
      cutAtDeadline(connection, options?.signal)
      const { label, fingerprints } = own()
      connection.send(Buffer.from(`${wireVersion} ${label} ${fingerprints.join(',')}\n`))
      const word = await readLine(connection)
      throw new Error(`${errorPrefix}${word}`)
    },
    async secureInbound(connection, options): Promise<SecuredConnection> {
      cutAtDeadline(connection, options?.signal)
      const knock = parseKnock(await readLine(connection))
      if (knock === null) throw new Error('a stranger did not say who it is')
      const reason = judge(knock, own().label)
      onKnock(reason, knock)
      connection.send(Buffer.from(`${reason}\n`))
      await untilCut(connection)
      throw new Error(`${errorPrefix}${reason}`)
    },
  }
}

function judge(knock: Knock, label: string): StrangerReason {
  if (knock.version !== wireVersion) return 'version'
  return knock.label === label ? 'key' : 'cluster'
}

export function parseKnock(line: string): Knock | null {
  const [, version, label = '', fingerprints = ''] = /^(\d{1,6}) (\S+) ([0-9a-f,]*)$/.exec(line) ?? []
  if (version === undefined || !clusterLabelPattern.test(label)) return null
  const list = fingerprints === '' ? [] : fingerprints.split(',')
  return list.every((fingerprint) => /^[0-9a-f]{8}$/.test(fingerprint)) ? { version: Number(version), label, fingerprints: list } : null
}

/** The upgrader waits for its encrypters for ever, and leaves their deadline to them. */
function cutAtDeadline(connection: MessageStream, signal: AbortSignal | undefined): void {
  const cut = (): void => { connection.abort(new Error('a stranger did not say who it is in time')) }
  if (signal?.aborted === true) cut()
  else signal?.addEventListener('abort', cut, { once: true })
}

/** Cutting at once would take the word with it; the handshake's own deadline bounds the wait. */
async function untilCut(connection: MessageStream): Promise<void> {
  try {
    for await (const chunk of connection) if (chunk.byteLength > STRANGER_LINE_BYTES_MAX) return
  } catch {
    // However the dialler ends it, it has heard the word or does not want to.
  }
}

async function readLine(connection: MessageStream): Promise<string> {
  let text = ''
  for await (const chunk of connection) {
    text += Buffer.from(chunk.subarray()).toString('latin1')
    const end = text.indexOf('\n')
    if (end >= 0 && end <= STRANGER_LINE_BYTES_MAX) return text.slice(0, end)
    if (text.length > STRANGER_LINE_BYTES_MAX) break
  }
  throw new Error('a stranger did not say who it is')
}
