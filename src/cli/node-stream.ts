/** What a running node tells until it ends, and how it ended. */
import { MeshError } from '../errors.ts'
import type { ControlRequest } from '../wire/control.ts'
import type { CliContext } from './context.ts'

/**
 * Ends when the node stops.
 * @throws MeshError ERR_NO_NODE when it is gone without a word, and as `callControl`
 */
export async function* untilNodeStops(context: CliContext, dataDir: string, request: ControlRequest, signal: AbortSignal): AsyncGenerator<unknown, void, void> {
  const { callControl, isStillNoted } = await context.parts.control()
  try {
    yield* callControl({ dataDir }, request, signal)
  } catch (error) {
    // The socket of a process that ends in the middle of a line.
    if (!(error instanceof MeshError && error.code === 'ERR_PEER_UNREACHABLE')) throw error
  }
  if (await isStillNoted({ dataDir })) throw new MeshError('ERR_NO_NODE', `the node at ${dataDir} is gone, without a word`, { nextStep: 'See the end of its log, and start it again with rdb start.' })
}
