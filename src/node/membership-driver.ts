/**
 * Joins the membership machine to its shells: datagrams, gossipsub and push-pull sync go in as inputs, its effects go out. No protocol
 * decision is taken here; what a peer sent is decoded and verified here, so that the machine only sees what is well-formed and signed.
 */
import type { Membership, RecordPatch } from '../core/membership/membership.ts'
import type { LoadDigest, MemberEvent, MemberRecord, MembershipEffect, Packet } from '../core/membership/types.ts'
import type { Random } from '../core/time/random.ts'
import type { Mesh } from '../adapters/libp2p/mesh.ts'
import type { Coordinate } from '../core/coordinates/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Datagrams } from '../ports/datagrams.ts'
import type { Log } from '../ports/log.ts'
import type { PortProbe } from '../ports/port-probe.ts'
import { decodeAnnouncement, decodePacket, encodeAnnouncement, encodePacket } from '../wire/membership-codec.ts'
import type { RecordVerifier } from '../wire/membership-signatures.ts'
import { discreetPacket, discreetUpdates } from './discretion.ts'
import { MachineTimer } from './machine-timer.ts'
import { type SyncCounters, SyncDriver } from './sync-driver.ts'

const farewellCheckMs = 20
/** An announcement older or further ahead than this is a replay or a broken clock. */
const announcementAgeMsMax = 120_000

export interface MembershipDriverParts {
  readonly membership: Membership
  readonly datagrams: Datagrams
  readonly mesh: Pick<Mesh, 'setMembers' | 'publish' | 'request' | 'onRequest' | 'onConnection' | 'ping' | 'connectedPeers'>
  readonly probePort: PortProbe
  /** Peers that this node refuses are not accused by it. */
  readonly isAllowed: (peerId: string) => boolean
  readonly verifier: RecordVerifier
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly onEvent: (event: MemberEvent) => void
  /** The table holds it no more. */
  readonly onForgotten: (peerId: string) => void
  readonly onRtt: (peerId: string, rttMs: number, coordinate: Coordinate | null) => void
  readonly onLost: (peerId: string) => void
  readonly onLoad: (peerId: string, load: LoadDigest) => void
}

export interface AnnouncementCounters {
  updatesUnverified: number
  announcementsStale: number
  announcementsMalformed: number
  announcementsFromStrangers: number
  announcementsSent: number
  announcementsReceived: number
}

export class MembershipDriver {
  readonly #parts: MembershipDriverParts
  readonly #timer: MachineTimer
  readonly #syncs: SyncDriver
  #stopped = false
  #clockWarnedAtMs = -Infinity
  #twinWarnedAtMs = -Infinity
  readonly #counters: AnnouncementCounters = {
    updatesUnverified: 0, announcementsStale: 0, announcementsMalformed: 0, announcementsFromStrangers: 0,
    announcementsSent: 0, announcementsReceived: 0,
  }

  constructor(parts: MembershipDriverParts) {
    this.#parts = parts
    this.#timer = new MachineTimer(parts.clock, parts.membership, (nowMs) => this.#perform(parts.membership.handleTimeout(nowMs)))
    this.#syncs = new SyncDriver({ ...parts, perform: (effects) => { this.#perform(effects) } })
  }

  get counters(): AnnouncementCounters & SyncCounters {
    return { ...this.#counters, ...this.#syncs.counters }
  }

  async start(): Promise<void> {
    const { membership, datagrams, mesh, clock, verifier } = this.#parts
    datagrams.onReceive((from, payload) => {
      const decoded = decodePacket(payload, verifier)
      if (!decoded.ok) return false
      this.#counters.updatesUnverified += decoded.unverified
      this.#perform(membership.handlePacket(clock.nowMs(), from, decoded.value))
      return true
    })
    await this.#syncs.start()
    mesh.onConnection(({ peerId, kind, clean }) => {
      if (this.#stopped) return
      if (kind === 'refused') this.#perform(membership.handleEvidence(clock.nowMs(), peerId, 'refused'))
      else if (kind === 'closed' && !clean) this.#perform(membership.handleEvidence(clock.nowMs(), peerId, 'closed'))
      // A fresh connection is the moment when two sides of a healed cut can tell each other what they missed; one of the two asks.
      else if (kind === 'opened' && membership.self.record.peerId < peerId) void this.sync(peerId)
    })
    this.#perform(membership.start(clock.nowMs()))
  }

  becomeAlive(): void {
    this.#perform(this.#parts.membership.becomeAlive(this.#parts.clock.nowMs()))
    this.#syncs.startAsking()
  }

  /** Changes what this node says of itself, under a higher incarnation. */
  updateSelf(patch: RecordPatch): void {
    this.#perform(this.#parts.membership.updateSelf(this.#parts.clock.nowMs(), patch))
  }

  setLoad(load: LoadDigest): void {
    this.#parts.membership.setLoad(load)
  }

  setCoordinate(coordinate: Coordinate): void {
    this.#parts.membership.setCoordinate(coordinate)
  }

  setLoopDelay(delayMs: number): void {
    this.#parts.membership.setLoopDelay(delayMs)
  }

  /** An operator's word that a member is not expected back. */
  removeMember(peerId: string): void {
    this.#perform(this.#parts.membership.removeMember(this.#parts.clock.nowMs(), peerId))
  }

  handlePartition(isOpen: boolean): void {
    this.#perform(this.#parts.membership.handlePartition(this.#parts.clock.nowMs(), isOpen))
  }

  leave(): void {
    this.#perform(this.#parts.membership.leave(this.#parts.clock.nowMs()))
  }

  /** Resolves when the farewell of `leave` has been sent as often as any update, or after `boundMs`. */
  async farewell(boundMs: number): Promise<void> {
    const { membership, clock } = this.#parts
    const endMs = clock.nowMs() + boundMs
    while (!membership.isLeaveTransmitted && clock.nowMs() < endMs) await new Promise<void>((resolve) => { clock.setTimer(farewellCheckMs, resolve) })
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
    this.#syncs.stop()
  }

  /** Push-pull with this member. False when it did not answer; never throws. */
  sync(peerId: string): Promise<boolean> {
    return this.#syncs.sync(peerId)
  }

  /** Gossipsub's validator for the members topic: what it does not accept is not passed on. */
  handleAnnouncement(from: string, bytes: Uint8Array): 'accept' | 'ignore' | 'reject' {
    const { membership, clock, verifier } = this.#parts
    const decoded = decodeAnnouncement(bytes, verifier)
    if (!decoded.ok) {
      this.#counters.announcementsMalformed++
      return 'reject'
    }
    if (decoded.unverified > 0) {
      // Not the relay's fault: the author may be of a version with other bounds. It is not passed on either.
      this.#counters.updatesUnverified += decoded.unverified
      return 'ignore'
    }
    const { updates, atWallMs } = decoded.value
    if (Math.abs(clock.wallMs() - atWallMs) > announcementAgeMsMax) {
      this.#counters.announcementsStale++
      this.#warnOfClock(from, atWallMs)
      return 'ignore'
    }
    // A newcomer introduces itself: its own signed record is what makes it a member here.
    const introducesItself = updates.some((update) => update.kind === 'record' && update.signed.record.peerId === from)
    const sender = membership.member(from)
    if (!introducesItself && (sender === undefined || sender.state === 'left')) {
      this.#counters.announcementsFromStrangers++
      return 'ignore'
    }
    this.#counters.announcementsReceived++
    this.#perform(membership.handleUpdates(clock.nowMs(), { from, updates }))
    return 'accept'
  }

  /** At most once a minute: a clock that is off makes a member deaf to announcements, and leaves it the slower ways. */
  #warnOfClock(from: string, atWallMs: number): void {
    const { clock, log } = this.#parts
    if (clock.nowMs() - this.#clockWarnedAtMs < 60_000) return
    this.#clockWarnedAtMs = clock.nowMs()
    const skewMs = Math.round(atWallMs - clock.wallMs())
    log.warn({ peerId: from, skewMs }, `an announcement is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this node's clock and is not believed; compare the clocks of both hosts`)
  }

  /** At most once a minute. */
  #warnOfTwin({ name, udpHost, udpPort, peerId }: MemberRecord): void {
    const { clock, log } = this.#parts
    if (clock.nowMs() - this.#twinWarnedAtMs < 60_000) return
    this.#twinWarnedAtMs = clock.nowMs()
    log.error({ peerId, name, udpHost, udpPort }, `another process runs with this node's identity, as ${name} at ${udpHost}:${udpPort}: its data folder is a copy of this one. Stop one of the two and delete identity.key from its data folder. (After a restart with the clock set back, this is said once and is harmless.)`)
  }

  #perform(effects: readonly MembershipEffect[]): void {
    let tableChanged = false
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#send(effect.to, effect.packet)
          break
        case 'event':
          this.#learn(effect.event)
          tableChanged = true
          break
        case 'announce':
          this.#announce(effect.updates)
          break
        case 'rtt':
          this.#parts.onRtt(effect.peerId, effect.rttMs, effect.coordinate)
          break
        case 'stream-ping':
          void this.#streamPing(effect)
          break
        case 'connect':
          void this.#connect(effect)
          break
        case 'lost':
          this.#parts.onLost(effect.peerId)
          break
        case 'load':
          this.#parts.onLoad(effect.peerId, effect.load)
          break
        case 'sync':
          void this.sync(effect.peerId)
          break
        case 'forgotten':
          this.#parts.datagrams.removePeer(effect.peerId)
          this.#parts.onForgotten(effect.peerId)
          break
        case 'twin':
          this.#warnOfTwin(effect.record)
          break
      }
    }
    if (tableChanged) this.#updateMesh()
    this.#timer.rearm()
  }

  /** Over a connection that is there, never by a dial: the question is whether this path works. */
  async #streamPing({ peerId, sequence, timeoutMs }: Extract<MembershipEffect, { kind: 'stream-ping' }>): Promise<void> {
    const { mesh, membership, clock, log } = this.#parts
    let answered = false
    try {
      if (mesh.connectedPeers().includes(peerId)) {
        await mesh.ping(peerId, AbortSignal.timeout(Math.ceil(timeoutMs)))
        answered = true
      }
    } catch (error) {
      log.debug({ peerId, err: error }, 'no answer over the connection either')
    }
    if (!this.#stopped) this.#perform(membership.handleStreamPing(clock.nowMs(), { peerId, sequence, answered }))
  }

  async #connect({ peerId, timeoutMs }: Extract<MembershipEffect, { kind: 'connect' }>): Promise<void> {
    const { membership, clock, probePort } = this.#parts
    const result = await probePort(membership.member(peerId)?.signed.record.tcpMultiaddrs ?? [], timeoutMs)
    if (result !== null && !this.#stopped) this.#perform(membership.handleConnect(clock.nowMs(), { peerId, result }))
  }

  #send(to: string, packet: Packet): void {
    this.#parts.datagrams.send(to, encodePacket(discreetPacket(packet, this.#parts.isAllowed)))
  }

  #announce(all: Parameters<typeof encodeAnnouncement>[0]['updates']): void {
    const updates = discreetUpdates(all, this.#parts.isAllowed)
    if (this.#stopped || updates.length === 0) return
    this.#counters.announcementsSent++
    this.#parts.mesh.publish('members', encodeAnnouncement({ updates, atWallMs: this.#parts.clock.wallMs() })).catch((error: unknown) => {
      this.#parts.log.debug({ err: error }, 'announcement not published; piggyback carries it')
    })
  }

  #learn(event: MemberEvent): void {
    const { record } = event
    const { datagrams } = this.#parts
    if (record.peerId !== this.#parts.membership.self.record.peerId) {
      // A failed member keeps its keys here: only with them can it be heard when it refutes.
      if (event.type === 'member-left') datagrams.removePeer(record.peerId)
      else datagrams.setPeer({ peerId: record.peerId, host: record.udpHost, port: record.udpPort, publicKey: record.datagramPublicKey, epoch: record.datagramEpoch })
    }
    this.#parts.onEvent(event)
  }

  #updateMesh(): void {
    const wanted = this.#parts.membership.members().filter((member) => member.state !== 'left')
    this.#parts.mesh.setMembers(wanted.map(({ signed: { record } }) => ({ peerId: record.peerId, multiaddrs: record.tcpMultiaddrs })))
  }
}
