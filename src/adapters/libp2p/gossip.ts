/** gossipsub, tuned and narrowed to the two topics of a mesh. */
import { gossipsub, StrictSign, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { GossipSub, GossipSubComponents, Message } from '@chainsafe/libp2p-gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { MeshCounters } from './counters.ts'

export type GossipTopic = 'members' | 'load'
export type GossipVerdict = 'accept' | 'ignore' | 'reject'
/** Must answer at once: it runs before the message is passed on. `from` is the PeerId whose signature was verified. */
export type GossipHandler = (topic: GossipTopic, from: string, bytes: Uint8Array) => GossipVerdict

export const GOSSIP_TOPICS: Readonly<Record<GossipTopic, string>> = Object.freeze({
  members: '/reedbase/members/1',
  load: '/reedbase/load/1',
})

/** Every gossipsub version's protocol name starts so. */
export const GOSSIP_PROTOCOL_PREFIX = '/meshsub/'

const MIB = 1 << 20

const VERDICTS: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export function createGossipService(): (components: GossipSubComponents) => GossipSub {
  return gossipsub({
    globalSignaturePolicy: StrictSign,
    fallbackToFloodsub: false,
    doPX: false,
    // What the mesh of six misses, piggyback and digest syncs bring: six more are not told each second what there is to ask for, which at 30
    // members was a fifth of all that an idle node did.
    Dlazy: 2,
    gossipFactor: 0.05,
    // Tags would write to the peer store at each graft; redialling is our own.
    tagMeshPeers: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    allowedTopics: Object.values(GOSSIP_TOPICS),
    // Signatures are checked before the seen cache is asked (320 µs for each duplicate) unless duplicates are known by a cheap name.
    fastMsgIdFn: fastMessageId,
    // More than about ten nodes behind one address are normal here.
    scoreParams: { IPColocationFactorWeight: 0 },
    // A whole RPC, which may bundle many messages that were asked for; the size of each is checked by the validator.
    maxInboundDataLength: 2 * MIB,
    maxOutboundBufferSize: 4 * MIB,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    maxTopicBytesPerPeer: 16 * 1024,
    decodeRpcLimits: {
      maxSubscriptions: 64,
      maxMessages: 1_000,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 1_000,
      maxPeerInfos: 16,
    },
  })
}

/** The signature covers sender, sequence number, topic and data, so it names a message before it has been verified. */
export function fastMessageId(message: { readonly from?: Uint8Array; readonly seqno?: Uint8Array; readonly signature?: Uint8Array }): string {
  return `${latin1(message.from)}|${latin1(message.seqno)}|${latin1(message.signature)}`
}

function latin1(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export class Gossip {
  /** Null for a client, which takes no part. */
  readonly #service: GossipSub | null
  readonly #counters: MeshCounters
  readonly #bytesMax: number
  #handler: GossipHandler | null = null

  constructor(service: GossipSub | null, counters: MeshCounters, bytesMax: number) {
    this.#service = service
    this.#counters = counters
    this.#bytesMax = bytesMax
  }

  start(): void {
    if (this.#service === null) return
    for (const topic of ['members', 'load'] as const) {
      this.#service.topicValidators.set(GOSSIP_TOPICS[topic], (_propagator: PeerId, message: Message) => VERDICTS[this.#judge(topic, message)])
      this.#service.subscribe(GOSSIP_TOPICS[topic])
    }
  }

  onGossip(handler: GossipHandler): void {
    this.#handler = handler
  }

  /** Resolves when it is on its way to whoever listens, which may be nobody. */
  async publish(topic: GossipTopic, bytes: Uint8Array): Promise<void> {
    try {
      if (bytes.length > this.#bytesMax) throw new RangeError(`A gossip message of ${bytes.length} bytes exceeds the limit of ${this.#bytesMax}.`)
      if (this.#service === null) return
      await this.#service.publish(GOSSIP_TOPICS[topic], bytes)
      this.#counters.gossipPublished += 1
    } catch (error) {
      this.#counters.gossipPublishFailures += 1
      throw error
    }
  }

  #judge(topic: GossipTopic, message: Message): GossipVerdict {
    this.#counters.gossipReceived += 1
    const verdict = this.#verdict(topic, message)
    if (verdict === 'ignore') this.#counters.gossipIgnored += 1
    if (verdict === 'reject') this.#counters.gossipRejected += 1
    return verdict
  }

  #verdict(topic: GossipTopic, message: Message): GossipVerdict {
    if (message.type !== 'signed' || message.data.length > this.#bytesMax) return 'reject'
    return this.#handler === null ? 'ignore' : this.#handler(topic, message.from.toString(), message.data)
  }
}
