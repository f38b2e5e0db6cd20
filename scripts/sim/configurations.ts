/** The configurations that are compared: all of them the same machine, in the same network, with the same probe interval and suspicion multiplier. */
import { ALL_FEATURES, MEMBERLIST, PLAIN_SWIM, type MembershipFeatures } from '../../src/core/membership/features.ts'
import type { MembershipOptions } from '../../src/core/membership/options.ts'
import { SimulatedMesh, type SimulationInit } from '../../test/simulation/mesh.ts'

export interface Configuration {
  readonly features: MembershipFeatures
  readonly options: Partial<MembershipOptions>
  readonly partitionMonitor: boolean
}

/** memberlist waits as long for an ack whatever the round trip. */
const FIXED_ACK_TIMEOUT = { ackTimeoutMs: 500, ackTimeoutFloorMs: 500 }

export const CONFIGURATIONS = {
  /** The paper's protocol with memberlist's LAN timing. */
  swim: { features: PLAIN_SWIM, options: { ...FIXED_ACK_TIMEOUT, suspicionMultiplier: 4, suspicionMaxMultiplier: 1 }, partitionMonitor: false },
  /** memberlist's LAN profile: SWIM with Lifeguard. */
  memberlist: { features: MEMBERLIST, options: { ...FIXED_ACK_TIMEOUT, suspicionMultiplier: 4, suspicionMaxMultiplier: 6 }, partitionMonitor: false },
  ours: { features: ALL_FEATURES, options: {}, partitionMonitor: true },
} as const satisfies Record<string, Configuration>

/** Hops of gossipsub in a LAN, and what reaches nobody until the next heartbeat. */
export const GOSSIPSUB = { delayMs: 10, lossRatio: 0.02 }
/** Above this size every step is no longer checked. */
const CHECKED_NODES_MAX = 200

/** Without checks and transcripts: those are the tests' part. */
export function createMesh(init: Omit<SimulationInit, 'options' | 'features'> & { readonly configuration?: Configuration }): SimulatedMesh {
  const { configuration = CONFIGURATIONS.ours, ...rest } = init
  return new SimulatedMesh({
    gossipsub: GOSSIPSUB, transcript: false, safety: init.nodes <= CHECKED_NODES_MAX, crashWitnesses: 64, ...configuration, ...rest,
  })
}
