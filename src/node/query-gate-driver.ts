/** Joins the gate to those who want through: each holds a ticket while it runs, or waits on a promise for one. */
import { MeshError } from '../errors.ts'
import type { Finish, GateCounters, GateEffect, QueryGate, QueuePlace, ShedReason } from '../core/admission/query-gate.ts'
import type { Priority } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import { MachineTimer } from './machine-timer.ts'
import { ServiceWatch } from './service-watch.ts'

export interface EnterOptions {
  readonly signal: AbortSignal
  /** On the clock of the driver. */
  readonly deadlineMs: number
}

interface Waiter {
  readonly priority: Priority
  readonly enteredMs: number
  readonly admit: (ticket: Ticket) => void
  readonly refuse: (error: unknown) => void
}

type Finished = (finish: Finish) => void

/** A place. Whoever holds it must finish it; the gate takes no notice of further calls. */
export class Ticket {
  readonly #id: string
  readonly #finished: Finished

  constructor(id: string, finished: Finished) {
    this.#id = id
    this.#finished = finished
  }

  /** `serviceMs`: what the engine took, without waiting for a slow reader. `kind`: see core/admission/query-kind.ts. */
  finish(outcome: Finish['outcome'], serviceMs: number, kind?: string): void {
    this.#finished({ id: this.#id, outcome, serviceMs, ...(kind === undefined ? {} : { kind }) })
  }
}

export class QueryGateDriver {
  /** How long those take that it lets in. */
  readonly services: ServiceWatch
  readonly #gate: QueryGate
  readonly #clock: Clock
  readonly #timer: MachineTimer
  readonly #waiters = new Map<string, Waiter>()
  readonly #finished: Finished = (finish) => {
    this.#perform(this.#gate.finish(this.#clock.nowMs(), finish))
  }
  #sequence = 0
  #closedFor: MeshError | null = null

  constructor(gate: QueryGate, clock: Clock, services = new ServiceWatch(clock)) {
    this.#gate = gate
    this.#clock = clock
    this.services = services
    this.#timer = new MachineTimer(clock, gate, (nowMs) => { this.#perform(gate.handleTimeout(nowMs)) })
  }

  get running(): number {
    return this.#gate.running
  }

  /** Beside the places; see `QueryGate.admit`. */
  get admitted(): number {
    return this.#gate.admitted
  }

  get waitingTotal(): number {
    return this.#gate.waitingTotal
  }

  get waiting(): Readonly<Record<Priority, number>> {
    return this.#gate.waiting
  }

  get limit(): number {
    return this.#gate.limit
  }

  /** Queries that wait for each that may run. */
  get queueRatio(): number {
    return this.#gate.waitingTotal / this.#gate.limit
  }

  placeOf(priority: Priority): QueuePlace {
    return this.#gate.placeOf(priority)
  }

  get counters(): GateCounters {
    return this.#gate.counters
  }

  /** A ticket when a place is free, otherwise null, and then nothing has happened. The hot path: no promise, no timer. */
  tryEnter(priority: Priority): Ticket | null {
    if (!this.#gate.hasPlace || this.#closedFor !== null) return null
    const id = String(this.#sequence++)
    this.#gate.arrive(this.#clock.nowMs(), { id, priority, deadlineMs: Infinity })
    return new Ticket(id, this.#finished)
  }

  /** A ticket, whether a place is free or not; see `QueryGate.admit`. @throws MeshError what `close` was given */
  admit(): Ticket {
    if (this.#closedFor !== null) throw this.#closedFor
    const id = String(this.#sequence++)
    this.#gate.admit(id)
    return new Ticket(id, this.#finished)
  }

  /**
   * Waits for a place.
   *
   * @throws MeshError ERR_OVERLOADED when the lines are full or a higher priority took the room, ERR_QUERY_TIMEOUT when the deadline passes
   * first, both with details.started `no`; the signal's reason; what `close` was given
   */
  async enter(priority: Priority, { signal, deadlineMs }: EnterOptions): Promise<Ticket> {
    signal.throwIfAborted()
    if (this.#closedFor !== null) throw this.#closedFor
    const nowMs = this.#clock.nowMs()
    const ticket = deadlineMs > nowMs ? this.tryEnter(priority) : null
    if (ticket !== null) return ticket
    const id = String(this.#sequence++)
    const onAbort = (): void => {
      this.#settle(id)?.refuse(signal.reason)
      this.#perform(this.#gate.cancel(this.#clock.nowMs(), id))
    }
    try {
      return await new Promise<Ticket>((admit, refuse) => {
        this.#waiters.set(id, { priority, enteredMs: nowMs, admit, refuse })
        signal.addEventListener('abort', onAbort, { once: true })
        this.#perform(this.#gate.arrive(nowMs, { id, priority, deadlineMs }))
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Refuses those who wait and all who come; tickets that are out stay valid. */
  close(reason: MeshError): void {
    this.#closedFor = reason
    this.#timer.stop()
    for (const id of [...this.#waiters.keys()]) {
      this.#settle(id)?.refuse(reason)
      this.#gate.cancel(this.#clock.nowMs(), id)
    }
  }

  #perform(effects: readonly GateEffect[]): void {
    for (const effect of effects) {
      const waiter = this.#settle(effect.id)
      switch (effect.kind) {
        case 'start':
          waiter?.admit(new Ticket(effect.id, this.#finished))
          break
        case 'shed':
          waiter?.refuse(this.#overloaded(effect.reason, waiter.priority))
          break
        case 'expired':
          waiter?.refuse(new MeshError('ERR_QUERY_TIMEOUT', `the deadline passed after ${Math.round(this.#clock.nowMs() - waiter.enteredMs)} ms in the queue`, {
            details: { started: 'no' }, nextStep: 'Give more time with --timeout, or try again when the node is less busy; the query was not started.',
          }))
          break
      }
    }
    this.#timer.rearm()
  }

  #settle(id: string): Waiter | undefined {
    const waiter = this.#waiters.get(id)
    this.#waiters.delete(id)
    return waiter
  }

  #overloaded(reason: ShedReason, priority: Priority): MeshError {
    const { running, waitingTotal, waiting } = this.#gate
    const why = {
      'class-full': `${waiting[priority]} of priority ${priority} wait already`,
      'queue-full': `${waitingTotal} wait already, none of them of a lower priority`,
      displaced: 'one of a higher priority took its place in the queue',
    }[reason]
    return new MeshError('ERR_OVERLOADED', `${running} queries run here and ${why}`, { details: { started: 'no', retryable: true, reason, priority } })
  }
}

/** What the gate has counted and holds now, for the node's status. */
export function gateCounters(gate: QueryGateDriver): Readonly<Record<string, number>> {
  const { started, shed, aged, expired } = gate.counters
  const { running, admitted, waitingTotal: waiting, limit } = gate
  return { started, shedCritical: shed.critical, shedHigh: shed.high, shedNormal: shed.normal, shedLow: shed.low, aged, expired, running, admitted, waiting, limit: Math.floor(limit) }
}
