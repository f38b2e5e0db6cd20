/**
 * What this machine adds to plain SWIM, so that an experiment can take parts away and compare the rest in the same run: the published
 * protocols are configurations of this one. A node has all of it.
 */
export interface MembershipFeatures {
  /** Lifeguard's local health multiplier. */
  readonly localHealth: boolean
  /** Lifeguard's suspicion timeout, shortened by independent confirmations; without it the shortest one holds, as in SWIM. */
  readonly confirmations: boolean
  /** Lifeguard's buddy system: a suspect is told so by every packet to it. */
  readonly buddy: boolean
  readonly nacks: boolean
  /** Extension: a node whose own timers ran late judges nobody by what it missed. */
  readonly stallGuard: boolean
  /** Extension: closed connections and refused dials start a probe at once, and such a probe does not wait for the end of the period. */
  readonly evidence: boolean
  /** Extension: K observers watch a suspect and end the suspicion early, either way (observers.ts). */
  readonly observers: boolean
  /** Extension: whom to probe in which period is agreed without a word (probe-schedule.ts); without it each node shuffles its own round robin. */
  readonly schedule: boolean
  /** As memberlist's fallback: what does not answer over UDP is pinged over its stream before it is suspected. */
  readonly streamProbes: boolean
  /** Extension: a failed member that comes back without having restarted is watched before it is taken back. */
  readonly probation: boolean
}

export const ALL_FEATURES: MembershipFeatures = Object.freeze({
  localHealth: true, confirmations: true, buddy: true, nacks: true, stallGuard: true, evidence: true, observers: true, schedule: true, streamProbes: true, probation: true,
})

/** The protocol of the SWIM paper. */
export const PLAIN_SWIM: MembershipFeatures = Object.freeze({
  localHealth: false, confirmations: false, buddy: false, nacks: false, stallGuard: false, evidence: false, observers: false, schedule: false, streamProbes: false, probation: false,
})

/** What memberlist runs: SWIM with Lifeguard and its fallback ping over TCP. */
export const MEMBERLIST: MembershipFeatures = Object.freeze({ ...PLAIN_SWIM, localHealth: true, confirmations: true, buddy: true, nacks: true, streamProbes: true })
