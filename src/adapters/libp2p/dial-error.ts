/** Turns what libp2p throws at a dial into one sentence and a code that callers can act on. */
import { MeshError } from '../../errors.ts'
import { toError } from './deadline.ts'
import { strangerReason } from './stranger.ts'

export interface DialContext {
  /** As the user wrote it, or a PeerId. */
  readonly target: string
  /** Fingerprint of the cluster key in use; null without one. */
  readonly fingerprint: string | null
}

export function explainDialError(reason: unknown, context: DialContext): MeshError {
  if (reason instanceof MeshError) return reason
  const errors = flatten(reason)
  const details = { target: context.target }
  // An address that was reached says more than one that was not, so a handshake that failed is looked for first.
  const strange = errors.map((error) => strangerReason(error)).find((reason) => reason !== null)
  if (strange === 'version') {
    return new MeshError('ERR_CLUSTER_KEY', `${context.target} is a node of another wire version.`, { nextStep: 'Run versions of one wire version; rdb version shows it, and docs/PROTOCOL.md what changed.', details: { ...details, reason: strange }, cause: reason })
  }
  if (strange === 'cluster') {
    return new MeshError('ERR_CLUSTER_KEY', `${context.target} is a node of another cluster: its --cluster label is not this node's.`, { nextStep: 'Give the address of a node of this cluster, or the same --cluster to both.', details: { ...details, reason: strange }, cause: reason })
  }
  if (strange === 'key') {
    const what = context.fingerprint === null ? 'asks for a cluster key, and this node has none' : `holds no cluster key of this node (the one in use here is ${context.fingerprint}): the keys may have been rotated while this node was down`
    return new MeshError('ERR_CLUSTER_KEY', `${context.target} ${what}.`, {
      nextStep: 'Copy the keyring file of a running node into the data folder of this one, with mode 0600, and start it again; rdb keys:list shows the keys of each.', details: { ...details, reason: strange }, cause: reason,
    })
  }
  if (errors.some(isNoCommonEncrypter)) {
    const ours = context.fingerprint === null ? 'this node has no cluster key' : `this node uses the key ${context.fingerprint}`
    return new MeshError('ERR_CLUSTER_KEY', `${context.target} answers, but does not share a cluster key with this node (${ours}), or is no node of a mesh.`, { details, cause: reason })
  }
  if (errors.some((error) => error.message.includes('dial self'))) {
    return new MeshError('ERR_OPTION_INVALID', `${context.target} is this node itself.`, { nextStep: 'Give the address of another node.', details: { ...details, self: true }, cause: reason })
  }
  if (errors.some(isOtherIdentity)) {
    return new MeshError('ERR_PEER_UNREACHABLE', `Another node answers at ${context.target}: its PeerId is not the one asked for.`, { details, cause: reason })
  }
  const why = [...new Set(errors.map(describe))].join('; ')
  return new MeshError('ERR_PEER_UNREACHABLE', `${context.target} cannot be reached: ${why}.`, { details, cause: reason })
}

/** At every address that was tried the host said that nothing listens. */
export function isRefused(reason: unknown): boolean {
  const errors = flatten(reason instanceof MeshError ? reason.cause : reason)
  return errors.length > 0 && errors.every((error) => systemCode(error) === 'ECONNREFUSED')
}

/** multistream-select offers every encrypter; the far side answers "na" to each that it lacks. */
function isNoCommonEncrypter(error: Error): boolean {
  return error.name === 'EncryptionFailedError' && error.message.startsWith('Protocol selection failed')
}

function isOtherIdentity(error: Error): boolean {
  return error.name === 'EncryptionFailedError' && error.message.includes('does not match expected')
}

function flatten(reason: unknown): Error[] {
  if (reason instanceof AggregateError) return reason.errors.flatMap(flatten)
  return [toError(reason)]
}

function systemCode(error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code ?? /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|ETIMEDOUT)\b/.exec(error.message)?.[1]
}

function describe(error: Error): string {
  switch (systemCode(error)) {
    case 'ECONNREFUSED': return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN': return 'the name cannot be resolved'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH': return 'there is no route to it'
    case 'ECONNRESET': return 'the connection was reset'
    default:
  }
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time'
  // The upgrader keeps only the message of what stopped the handshake.
  if (error.name === 'EncryptionFailedError' && /abort|timed? ?out/i.test(error.message)) return 'it accepts the connection, but does not finish the handshake in time'
  if (error.name === 'EncryptionFailedError') return `the handshake failed (${error.message})`
  if (error.name === 'DialDeniedError') return 'it is not allowed here'
  if (error.name === 'NoValidAddressesError') return 'no address of it is known'
  return error.message.replace(/\.$/, '')
}
