/** What keeps a mesh from starting, and what it answers once it has stopped. */
import { MeshError } from '../../errors.ts'
import { toError } from './deadline.ts'

export function explainListenError(reason: unknown, address: string): MeshError {
  const { message } = toError(reason)
  const init = { cause: reason, details: { address } }
  if (message.includes('EADDRINUSE')) return new MeshError('ERR_PORT_BUSY', `The TCP port of ${address} is taken.`, init)
  if (message.includes('EADDRNOTAVAIL')) return new MeshError('ERR_ADDRESS_UNAVAILABLE', `${address} is not an address of this host.`, init)
  if (message.includes('EACCES')) return new MeshError('ERR_ADDRESS_UNAVAILABLE', `This user may not listen on ${address}.`, { ...init, nextStep: 'Choose a port above 1023 with --listen.' })
  return new MeshError('ERR_INTERNAL', `libp2p could not start on ${address}: ${message}`, init)
}

export function stopped(): MeshError {
  return new MeshError('ERR_NODE_STOPPED', 'The mesh is not running.')
}
