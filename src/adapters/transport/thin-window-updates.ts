/**
 * js-libp2p's yamux answers every message with a window update, which costs both ends as much as the message itself: sealing, opening, two
 * headers, a round through four event targets. Here an update is sent when half of the window has been used, as yamux's own reference
 * implementation does (hashicorp/yamux, stream.go, sendWindowUpdate), so that small messages cause none.
 *
 * A sender cannot get stuck: one that has used up its window has used more than half of it.
 */
import type { MultiaddrConnection, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { StreamState, YamuxStream } from '@libp2p/yamux/stream'

/** Wraps a muxer factory; streams that are not yamux's are left as they are. */
export function thinWindowUpdates(factory: () => StreamMuxerFactory): () => StreamMuxerFactory {
  return () => {
    const muxers = factory()
    return {
      protocol: muxers.protocol,
      createStreamMuxer(connection: MultiaddrConnection): StreamMuxer {
        const muxer = muxers.createStreamMuxer(connection)
        const createStream = muxer.createStream.bind(muxer)
        muxer.createStream = async (options) => thin(await createStream(options))
        // Not by listening for `stream`: a muxer keeps early streams for its first listener, which must be libp2p's.
        const inbound = muxer as StreamMuxer & { onRemoteStream?(stream: Stream): void }
        const onRemoteStream = inbound.onRemoteStream?.bind(muxer)
        if (onRemoteStream !== undefined) inbound.onRemoteStream = (stream) => onRemoteStream(thin(stream))
        return muxer
      },
    }
  }
}

/** Fields that yamux's types keep private. */
interface Windows {
  readonly recvWindow: number
  readonly recvWindowCapacity: number
}

function thin(stream: Stream): Stream {
  if (!(stream instanceof YamuxStream)) return stream
  const windows = stream as unknown as Windows
  if (typeof windows.recvWindow !== 'number' || typeof windows.recvWindowCapacity !== 'number') return stream
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    // Opening and acknowledging a stream, and a pause, have their own reasons to come through here.
    if (stream.state === StreamState.Established && 2 * (windows.recvWindow - windows.recvWindowCapacity) < windows.recvWindow) return
    sendWindowUpdate()
  }
  return stream
}
