/** Records, machines and effects for the membership tests. */
import { Membership, type MembershipInit } from '../../../../src/core/membership/membership.ts'
import { parseMembershipOptions, type MembershipOptions } from '../../../../src/core/membership/options.ts'
import type { MemberEvent, MemberRecord, MembershipEffect, Packet, Probe, SignedLeave, SignedRecord, Update } from '../../../../src/core/membership/types.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

export function record(peerId: string, incarnation: number, patch: Partial<MemberRecord> = {}): MemberRecord {
  return {
    peerId, name: `name-${peerId}`, incarnation, tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udpHost: '127.0.0.1', udpPort: 7400,
    datagramPublicKey: new Uint8Array(32), datagramEpoch: 1, datacenter: 'dc', rack: 'r', capacity: 1, databases: [],
    softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1, ...patch,
  }
}

export function signed(peerId: string, incarnation: number, envelopeBytes = 300, patch: Partial<MemberRecord> = {}): SignedRecord {
  return { record: record(peerId, incarnation, patch), envelope: new Uint8Array(envelopeBytes) }
}

export function signedLeave(peerId: string, incarnation: number): SignedLeave {
  return { peerId, incarnation, envelope: new Uint8Array(100) }
}

export function recordUpdate(peerId: string, incarnation: number, patch: Partial<MemberRecord> = {}): Update {
  return { kind: 'record', signed: signed(peerId, incarnation, 300, patch) }
}

export function claim(kind: 'suspect' | 'failed' | 'removed', peerId: string, incarnation: number, from = 'accuser'): Exclude<Update, { kind: 'record' | 'left' }> {
  switch (kind) {
    case 'suspect': return { kind, peerId, incarnation, from, evidence: 'probe' }
    case 'failed': return { kind, peerId, incarnation, from, evidence: 'probe', suspectedBy: from, confirmedBy: ['witness1', 'witness2'], probeMs: 0, suspicionMs: 0 }
    case 'removed': return { kind, peerId, incarnation, from }
  }
}

/** A verdict counts when two members that are in have told it, each by its own authenticated word. Makes members up where there are too few. */
export function tellFailed(machine: Membership, nowMs: number, update: Exclude<Update, { kind: 'record' | 'left' }>): MembershipEffect[] {
  const known = machine.members().filter(({ signed: { record: { peerId } }, state }) => state === 'alive' && peerId !== update.peerId).map(({ signed: { record: { peerId } } }) => peerId)
  for (const peerId of ['voice1', 'voice2'].slice(0, 2 - known.length)) {
    machine.handleUpdates(nowMs, { from: peerId, updates: [recordUpdate(peerId, 1)] })
    known.push(peerId)
  }
  return known.slice(0, 2).flatMap((from) => machine.handleUpdates(nowMs, { from, updates: [update] }))
}

export function packet(probe: Probe | null, updates: readonly Update[] = []): Packet {
  return { probe, updates, load: null, reports: [], coordinate: null }
}

/** A machine named `self` at incarnation 100. */
export function createMachine(options: Partial<MembershipOptions> = {}, init: Partial<MembershipInit> = {}): Membership {
  return new Membership({
    record: record('self', 100),
    options: parseMembershipOptions(options),
    random: createRandom(1),
    packetBudgetBytes: 1300,
    signRecord: (unsigned) => ({ record: unsigned, envelope: new Uint8Array(300) }),
    signLeave: signedLeave,
    ...init,
  })
}

/** Alive at 0 ms, with these members at incarnation 1. */
export function createAlive(members: readonly string[], options: Partial<MembershipOptions> = {}, init: Partial<MembershipInit> = {}): Membership {
  const machine = createMachine(options, init)
  machine.start(0)
  machine.handleSync(0, { from: members[0] ?? 'nobody', entries: members.map((peerId) => ({ signed: signed(peerId, 1), state: 'alive', leave: null })) })
  machine.becomeAlive(0)
  return machine
}

/** Drives the timers up to `untilMs` and gathers the effects with their times. */
export function advance(machine: Membership, untilMs: number, answer: (effect: MembershipEffect, nowMs: number) => void = () => {}): Array<{ atMs: number; effect: MembershipEffect }> {
  const gathered: Array<{ atMs: number; effect: MembershipEffect }> = []
  for (let nextMs = machine.nextDeadlineMs(); nextMs !== null && nextMs <= untilMs; nextMs = machine.nextDeadlineMs()) {
    for (const effect of machine.handleTimeout(nextMs)) {
      gathered.push({ atMs: nextMs, effect })
      answer(effect, nextMs)
    }
  }
  return gathered
}

export function eventsIn(effects: readonly MembershipEffect[]): MemberEvent[] {
  return effects.flatMap((effect) => effect.kind === 'event' ? [effect.event] : [])
}

export function sendsIn(effects: readonly MembershipEffect[]): Array<{ to: string; packet: Packet }> {
  return effects.flatMap((effect) => effect.kind === 'send' ? [{ to: effect.to, packet: effect.packet }] : [])
}

export function isPing(effect: MembershipEffect): effect is Extract<MembershipEffect, { kind: 'send' }> & { packet: { probe: { kind: 'ping'; sequence: number } } } {
  return effect.kind === 'send' && effect.packet.probe?.kind === 'ping'
}
