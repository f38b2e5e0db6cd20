/**
 * What must hold after every step, whatever the network does. A violation throws at once, at the step that caused it.
 *
 * - Nobody believes a record that its owner did not sign, nor passes on a claim about an incarnation that was never issued.
 * - At one incarnation a member's state only ever gets worse; the incarnation itself never sinks.
 * - Events tell the same story as the table, and only legal steps of it.
 * - Packets stay within their budget, and nobody sends to itself or to a stranger it was never told of.
 * - After its farewell a node answers pings and spreads the farewell, nothing else; after `stop` it does nothing.
 */
import { LEAVE_OVERHEAD_BYTES, updateSubject } from '../../src/core/membership/dissemination.ts'
import type { Membership } from '../../src/core/membership/membership.ts'
import { STATE_RANK, type HeldState } from '../../src/core/membership/precedence.ts'
import type { MemberEvent, MemberEventType, MembershipEffect, Packet, SignedLeave, SignedRecord, Update } from '../../src/core/membership/types.ts'
import { packetBytes } from './traffic.ts'

interface Belief {
  readonly incarnation: number
  readonly rank: number
}

/** What the owners' keys have signed, in all their lives. */
export class Registry {
  readonly #records = new Map<string, SignedRecord>()
  readonly #incarnations = new Set<string>()
  readonly #leaves = new Set<SignedLeave>()

  addRecord(signed: SignedRecord): void {
    const key = `${signed.record.peerId}@${signed.record.incarnation}`
    assert(!this.#records.has(key), `${key} was signed twice`)
    this.#records.set(key, signed)
    this.#incarnations.add(key)
  }

  addLeave(leave: SignedLeave): void {
    assert(leave.envelope.length <= 1024 - LEAVE_OVERHEAD_BYTES, 'a leave fits a datagram')
    this.#leaves.add(leave)
  }

  check(update: Update): void {
    switch (update.kind) {
      case 'record': this.checkRecord(update.signed); break
      case 'left': assert(this.#leaves.has(update.leave), `nobody signed the leave of ${update.leave.peerId}`); break
      case 'suspect':
      case 'removed':
      case 'failed': assert(this.#incarnations.has(`${update.peerId}@${update.incarnation}`), `${update.kind} speaks of ${update.peerId}@${update.incarnation}, which was never issued`); break
    }
  }

  checkRecord(signed: SignedRecord): void {
    const key = `${signed.record.peerId}@${signed.record.incarnation}`
    assert(this.#records.get(key) === signed, `${key} is not what its owner signed`)
  }
}

/** Watches one life of one node. */
export class SafetyChecker {
  readonly #selfId: string
  readonly #registry: Registry
  readonly #budgetBytes: number
  readonly #beliefs = new Map<string, Belief>()
  readonly #told = new Map<string, HeldState>()

  constructor(selfId: string, registry: Registry, budgetBytes: number) {
    this.#selfId = selfId
    this.#registry = registry
    this.#budgetBytes = budgetBytes
  }

  /** `subjects`: the members that this step may have changed. */
  check(machine: Membership, phaseBefore: string, effects: readonly MembershipEffect[], subjects: Iterable<string>): void {
    const touched = new Set(subjects)
    for (const effect of effects) {
      if (effect.kind === 'event') {
        touched.add(effect.event.record.peerId)
        this.#checkEvent(effect.event)
      } else if (effect.kind === 'send') {
        this.#checkSend(effect.to, effect.packet)
      } else if (effect.kind === 'announce') {
        for (const update of effect.updates) this.#registry.check(update)
      } else if (effect.kind === 'twin') {
        assert(effect.record.peerId === this.#selfId, 'a twin is another start of this very node')
      } else {
        assert(effect.peerId !== this.#selfId, `${effect.kind} is about the node itself`)
      }
      if (phaseBefore === 'left') this.#checkAfterLeave(effect)
      assert(phaseBefore !== 'stopped', 'an effect after stop')
    }
    for (const peerId of touched) if (peerId !== this.#selfId) this.#checkBelief(machine, peerId)
  }

  #checkBelief(machine: Membership, peerId: string): void {
    const member = machine.member(peerId)
    if (member === undefined) return
    const state = member.state as HeldState
    const belief: Belief = { incarnation: member.signed.record.incarnation, rank: member.probationUntilMs === null ? STATE_RANK[state] : STATE_RANK.alive }
    const before = this.#beliefs.get(peerId)
    this.#registry.checkRecord(member.signed)
    if (before !== undefined) {
      assert(belief.incarnation >= before.incarnation, `the incarnation of ${peerId} sank from ${before.incarnation} to ${belief.incarnation}`)
      assert(belief.incarnation > before.incarnation || belief.rank >= before.rank, `the state of ${peerId} went from ${before.rank} back to ${belief.rank} at incarnation ${belief.incarnation}`)
    }
    this.#beliefs.set(peerId, belief)
    const told = this.#told.get(peerId)
    if (told === undefined) assert(state === 'failed' || state === 'left', `${peerId} is ${state} and no event said so`)
    else assert(told === state, `${peerId} is ${state}, the events say ${told}`)
  }

  #checkEvent(event: MemberEvent): void {
    const { peerId } = event.record
    assert(peerId !== this.#selfId, 'an event about the node itself')
    assert(event.reason.length > 0 && event.from.length > 0, 'an event says who and why')
    const before = this.#told.get(peerId)
    assert(isLegal(event.type, before), `${event.type} about ${peerId} while it was ${before ?? 'unknown'}`)
    const after = STATE_AFTER[event.type]
    if (after !== null) this.#told.set(peerId, after)
  }

  #checkSend(to: string, packet: Packet): void {
    assert(to !== this.#selfId, 'a packet to the node itself')
    const bytes = packetBytes(packet)
    assert(bytes <= this.#budgetBytes, `a packet of ${bytes} bytes, ${this.#budgetBytes} fit`)
    const subjects = packet.updates.map(updateSubject)
    assert(new Set(subjects).size === subjects.length, 'a packet speaks twice of one member')
    for (const update of packet.updates) this.#registry.check(update)
  }

  #checkAfterLeave(effect: MembershipEffect): void {
    assert(effect.kind === 'send', `a ${effect.kind} effect after leave`)
    const { probe, updates } = effect.packet
    assert(probe === null || probe.kind === 'ack' || probe.kind === 'nack', 'a probe after leave')
    assert(updates.every((update) => update.kind === 'left' && update.leave.peerId === this.#selfId), 'news of others after leave')
  }
}

/** What a member is after an event; null for those that change nothing. */
const STATE_AFTER: Readonly<Record<MemberEventType, HeldState | null>> = {
  'member-joined': 'alive', 'member-updated': 'alive', 'member-suspected': 'suspect', 'member-refuted': 'alive', 'member-failed': 'failed', 'member-left': 'left',
  'member-returning': 'failed', 'member-flapping': null, 'member-settled': null, 'path-degraded': null, 'path-restored': null,
}

function isLegal(type: MemberEventType, before: HeldState | undefined): boolean {
  switch (type) {
    case 'member-joined': return before === undefined || before === 'failed' || before === 'left'
    case 'member-updated':
    case 'member-suspected': return before === 'alive'
    case 'member-refuted': return before === 'suspect'
    // A member on probation may fail again.
    case 'member-failed': return before !== undefined && before !== 'left'
    // Also of a member that was only ever a tombstone here.
    case 'member-left': return before !== 'left'
    case 'member-returning': return before === 'failed'
    case 'path-degraded':
    case 'path-restored': return before === 'alive' || before === 'suspect'
    case 'member-flapping':
    case 'member-settled': return before !== undefined
  }
}

export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation'
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SafetyViolation(message)
}
