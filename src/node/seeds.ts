/**
 * Joining: dial the seeds and the members of an earlier life, sync with each that answers. A node that reaches none runs on alone and keeps
 * trying, with exponential backoff and jitter.
 *
 * A node that has found others still owes a visit to each address that leads to nobody it knows: two halves of a mesh that started
 * apart would otherwise never meet. It dials one of them at a time, at a rate that falls with the size of the mesh, so that all members
 * together dial about once in `retryMsMax`. Members that failed are not its business: membership retries them.
 *
 * A name (`dns:mesh.local:7400`) stands for all addresses that it has at the moment, as those of a headless service do: some of them are dialled at once, drawn
 * anew each time, and since it never leads to one known node it is visited for good.
 */
import { MeshError } from '../errors.ts'
import type { Random } from '../core/time/random.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { type HostPort, readHostPort, writeHostPort } from './options-values.ts'

const firstRetryMs = 500
const dialTimeoutMs = 5_000
/** Remembered members dialled in one round, the latest seen first; the next round goes on behind them. */
const rememberedAtOnce = 8
const visitPauseMsMax = 3_600_000
/** Of a name, dialled at once; its other addresses have their turn another time. */
const namedAtOnce = 8
const namePrefix = 'dns:'
/** Whoever is behind a seed is no member yet. */
const seedNextStep = 'Start the node there, or correct --seed; its port must be open to this host for tcp and udp, and that of this node to it.'

interface RememberedMember {
  readonly peerId: string
  readonly tcpMultiaddrs: readonly string[]
}

interface SeedsParts {
  readonly seeds: readonly string[]
  /** From an earlier life, the latest seen first. */
  readonly remembered: readonly RememberedMember[]
  readonly retryMsMax: number
  /** Dials and proves the identity; resolves with the PeerId. */
  readonly dial: (address: string, signal: AbortSignal) => Promise<string>
  readonly sync: (peerId: string) => Promise<boolean>
  /** IP addresses of a name; rejects where it has none. */
  readonly resolve: (host: string) => Promise<readonly string[]>
  /** Members that are alive, without this node. */
  readonly aliveCount: () => number
  /** Whether membership holds this member, in whatever state. */
  readonly isMember: (peerId: string) => boolean
  readonly selfPeerId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Where a visit goes: a seed, whose PeerId shows when it answers, or a remembered member with all its addresses. */
interface Door {
  readonly addresses: readonly string[]
  /** In place of addresses, for a seed whose addresses a name server tells. */
  readonly name: HostPort | null
  readonly isSeed: boolean
  peerId: string | null
}

export class Seeds {
  readonly #parts: SeedsParts
  readonly #stop = new AbortController()
  readonly #seeds: readonly Door[]
  readonly #remembered: readonly Door[]
  #retry: Timer | null = null
  #failedRounds = 0
  #nextRemembered = 0
  #nextVisit = 0
  readonly counters = { joinRounds: 0, doorsTried: 0, doorsAnswered: 0 }

  constructor(parts: SeedsParts) {
    this.#parts = parts
    this.#seeds = parts.seeds.map((address) => ({ addresses: [address], name: namedSeed(address), isSeed: true, peerId: null }))
    this.#remembered = parts.remembered.filter(({ peerId }) => peerId !== parts.selfPeerId).map(({ peerId, tcpMultiaddrs }) => ({ addresses: tcpMultiaddrs, name: null, isSeed: false, peerId }))
  }

  /** Resolves when somebody has answered and told what it knows, or nobody did. */
  async join(): Promise<void> {
    const { log, aliveCount, seeds } = this.#parts
    const doors = [...this.#seeds, ...this.#takeRemembered()]
    if (doors.length === 0) return
    this.counters.joinRounds++
    const visits = doors.map((door) => this.#visit(door))
    const round = Promise.all(visits).then((answers) => {
      if (this.#stop.signal.aborted) return
      this.#failedRounds = answers.includes(true) ? 0 : this.#failedRounds + 1
      if (aliveCount() === 0) {
        log.warn({ seeds, remembered: this.#remembered.length, failedRounds: this.#failedRounds }, `no ${seeds.length > 0 ? 'seed' : 'remembered member'} answered; this node runs on alone and keeps trying`)
      }
      this.#armRetry()
    })
    const first = Promise.any(visits.map(async (visit) => (await visit) ? true : Promise.reject(new Error('no answer')))).catch(() => false)
    await Promise.race([round, first.then((answered) => (answered ? undefined : round))])
  }

  stop(): void {
    this.#stop.abort()
    this.#retry?.cancel()
  }

  #takeRemembered(): Door[] {
    const taken: Door[] = []
    for (let count = Math.min(rememberedAtOnce, this.#remembered.length); count > 0; count--) {
      taken.push(this.#remembered[this.#nextRemembered++ % this.#remembered.length] as Door)
    }
    return taken
  }

  #armRetry(): void {
    const { retryMsMax, random, clock, aliveCount } = this.#parts
    const others = aliveCount()
    const pauseMs = others === 0 ? Math.min(retryMsMax, firstRetryMs * 2 ** Math.min(16, this.#failedRounds)) : Math.min(visitPauseMsMax, retryMsMax * (1 + others))
    this.#retry = clock.setTimer(pauseMs * (0.75 + 0.5 * random()), () => {
      if (this.#stop.signal.aborted) return
      if (aliveCount() === 0) void this.join()
      else void this.#visitNext().then(() => { if (!this.#stop.signal.aborted) this.#armRetry() })
    })
  }

  /** One that leads to nobody we know, in turn. */
  async #visitNext(): Promise<void> {
    const owed = [...this.#seeds, ...this.#remembered].filter(({ peerId }) => peerId === null || (peerId !== this.#parts.selfPeerId && !this.#parts.isMember(peerId)))
    const door = owed[this.#nextVisit++ % owed.length]
    if (door !== undefined) await this.#visit(door)
  }

  async #visit(door: Door): Promise<boolean> {
    this.counters.doorsTried++
    if (door.name !== null) {
      const isOpen = await this.#visitNamed(door, door.name)
      if (isOpen) this.counters.doorsAnswered++
      return isOpen
    }
    for (const address of door.addresses) {
      if (this.#stop.signal.aborted) return false
      if (await this.#joinThrough(door, address)) {
        this.counters.doorsAnswered++
        return true
      }
    }
    return false
  }

  async #visitNamed(door: Door, { host, port }: HostPort): Promise<boolean> {
    const { resolve, random, aliveCount, log } = this.#parts
    let addresses: readonly string[]
    try {
      addresses = await within(dialTimeoutMs, this.#parts.clock, resolve(host))
    } catch (error) {
      if (this.#stop.signal.aborted) return false
      const line = `the seed ${host} has no address: ${error instanceof Error ? error.message : String(error)}`
      if (aliveCount() === 0) log.warn({ seed: host }, line)
      else log.debug({ seed: host }, line)
      return false
    }
    const drawn = addresses.map((address) => ({ address, at: random() })).sort((one, other) => one.at - other.at).slice(0, namedAtOnce)
    const answers = await Promise.all(drawn.map(({ address }) => this.#joinThrough(door, writeHostPort({ host: address, port }))))
    // It leads to whoever is there at the time.
    door.peerId = null
    return answers.includes(true)
  }

  async #joinThrough(door: Door, address: string): Promise<boolean> {
    const { dial, sync, log, selfPeerId, aliveCount } = this.#parts
    const what = door.isSeed ? 'seed' : 'remembered member'
    try {
      const peerId = await dial(address, AbortSignal.any([this.#stop.signal, AbortSignal.timeout(dialTimeoutMs)]))
      door.peerId = peerId
      if (peerId === selfPeerId) return false
      const synced = await sync(peerId)
      log.info({ seed: address, peerId }, synced ? `joined through ${door.isSeed ? 'seed' : 'a remembered member at'} ${address}` : `${what} ${address} answered the dial but not the sync`)
      return synced
    } catch (error) {
      if (this.#stop.signal.aborted) return false
      const known = error instanceof MeshError ? error : null
      const line = `${what} ${address} is not reachable: ${error instanceof Error ? error.message : String(error)}`
      const fields = { seed: address, code: known?.code, nextStep: door.isSeed && known?.code === 'ERR_PEER_UNREACHABLE' ? seedNextStep : known?.nextStep }
      // A seed was named by a person, who may have mistyped it; the rest is expected to be away now and then.
      if (door.isSeed && aliveCount() === 0) log.warn(fields, line)
      else log.debug(fields, line)
      return false
    }
  }
}

/** Null for an address. */
function namedSeed(seed: string): HostPort | null {
  return seed.startsWith(namePrefix) ? readHostPort(seed.slice(namePrefix.length)) : null
}

/** A name server that does not answer must not hold up the rest. */
async function within<T>(ms: number, clock: Clock, work: Promise<T>): Promise<T> {
  let timer: Timer | null = null
  const silence = new Promise<never>((_resolve, reject) => { timer = clock.setTimer(ms, () => { reject(new Error(`no answer within ${ms} ms`)) }) })
  try {
    return await Promise.race([work, silence])
  } finally {
    (timer as Timer | null)?.cancel()
  }
}
