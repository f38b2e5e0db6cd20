/** Totals since start, for metrics. */
export interface MembershipCounters {
  readonly pingsSent: number
  readonly acksReceived: number
  readonly pingRequestsSent: number
  readonly nacksReceived: number
  /** Pings that got no direct ack. */
  readonly pingsLost: number
  /** Probes saved by a helper's ack. */
  readonly indirectAcks: number
  readonly streamPings: number
  /** Probes saved by an answer over the libp2p connection. */
  readonly streamAcks: number
  /** Suspects and returning members that this node watched as one of their observers. */
  readonly watches: number
  readonly reportsSent: number
  readonly reportsReceived: number
  /** Verdicts that the observers agreed on before the suspicion ran out. */
  readonly earlyVerdicts: number
  /** Suspicions that became a failure after all their time. */
  readonly suspicionsExpired: number
  /** Suspects that refuted, as seen here. */
  readonly refutations: number
  readonly suspicionsConfirmed: number
  readonly gossipPacketsReceived: number
  /** Members that came, failed, left, came back or were taken back. */
  readonly topologyChanges: number
  readonly flapsDamped: number
  readonly suspicionsRaised: number
  readonly failuresDeclared: number
  /** Times that this node refuted a claim about itself. */
  readonly selfRefutations: number
  /** Times that this node found its own timers late and excused the others. */
  readonly stalls: number
  readonly gossipPacketsSent: number
  readonly updatesSent: number
  readonly updatesAccepted: number
  /** Old news, duplicates included. */
  readonly updatesStale: number
  /** Claims about an incarnation whose record we do not hold, or about strangers. */
  readonly updatesUnproven: number
  /** Out of range, about nobody, or beyond the bound of one message. */
  readonly updatesMalformed: number
  readonly membersRefused: number
  readonly tombstonesEvicted: number
  /** Acks and nacks that answer nothing that we asked. */
  readonly answersUnexpected: number
  readonly relaysRefused: number
  /** Updates too large for a datagram: only announcements and syncs carry them. */
  readonly updatesOversized: number
}

export type MutableCounters = { -readonly [K in keyof MembershipCounters]: number }

export function createCounters(): MutableCounters {
  return {
    pingsSent: 0, acksReceived: 0, pingRequestsSent: 0, nacksReceived: 0, pingsLost: 0, indirectAcks: 0, streamPings: 0,
    streamAcks: 0, watches: 0, reportsSent: 0, reportsReceived: 0, earlyVerdicts: 0, suspicionsExpired: 0, refutations: 0, suspicionsConfirmed: 0,
    gossipPacketsReceived: 0, topologyChanges: 0, flapsDamped: 0, suspicionsRaised: 0,
    failuresDeclared: 0, selfRefutations: 0, stalls: 0, gossipPacketsSent: 0, updatesSent: 0, updatesAccepted: 0, updatesStale: 0,
    updatesUnproven: 0, updatesMalformed: 0, membersRefused: 0, tombstonesEvicted: 0, answersUnexpected: 0, relaysRefused: 0,
    updatesOversized: 0,
  }
}
