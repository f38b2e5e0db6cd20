/**
 * One execution with several readers. Batches are pulled when the foremost reader asks for one, and held until all have had it; as long as
 * the first one is still held, another reader may join.
 *
 * All readers are alike: who asked first has no rights that others lack, and may be the slow one. When what the slowest has not had yet
 * fills the buffer, those who have had nothing are set free, to run on their own when they go on; for the others the foremost waits, for
 * `stallMs` in all the run's life, and then they are cut off. The execution is cancelled when its last reader is gone.
 */
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { EngineBatch, EngineResult } from '../ports/query-engine.ts'

/** Runs the query; aborting the signal cancels it. */
export type Start = (signal: AbortSignal) => Promise<EngineResult>

export interface RunLimits {
  readonly stallMs: number
  /** Bytes that this run may hold, given what it holds. */
  readonly bytesMax: (heldBytes: number) => number
}

export interface RunEvents {
  readonly heldBytesChanged: (change: number) => void
  readonly detached: () => void
  readonly retriedAlone: () => void
  readonly cut: () => void
  /** Nobody can join it any more. */
  readonly closed: () => void
}

type Step = IteratorResult<EngineBatch, void>

interface Waiting {
  readonly resolve: (step: Step | Promise<Step>) => void
  readonly reject: (error: unknown) => void
}

/** Failures that say something of the caller that started the execution, and nothing of the query. */
const ofStarter: ReadonlySet<string> = new Set(['ERR_QUERY_TIMEOUT', 'ERR_QUERY_CANCELLED', 'ERR_OVERLOADED'])

export function isOfStarter(error: unknown): boolean {
  return error instanceof MeshError && ofStarter.has(error.code)
}

const done: Step = { done: true, value: undefined }

/** One reader's view of the execution. Its batches come one call of `next` at a time. */
export class Reader implements AsyncIterator<EngineBatch, void, void>, AsyncIterable<EngineBatch> {
  readonly #run: SharedRun
  readonly #signal: AbortSignal
  readonly #start: Start
  readonly #onAbort = (): void => { this.fail(this.#signal.reason) }
  #refuseOpening: ((error: unknown) => void) | null = null
  #waiting: Waiting | null = null
  #alone: Promise<AsyncIterator<EngineBatch>> | null = null
  #isDetached = false
  /** `failure` has not been told yet. */
  #ended: { readonly failure: { readonly error: unknown } | null } | null = null
  /** Batches that it has had. */
  position = 0

  constructor(run: SharedRun, { signal, start }: { readonly signal: AbortSignal; readonly start: Start }) {
    this.#run = run
    this.#signal = signal
    this.#start = start
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** Format and header, when the engine has them. Throws what the execution throws, or the reason of this reader's own signal. */
  open(opening: Promise<EngineResult>): Promise<EngineResult> {
    return new Promise((resolve, reject) => {
      this.#refuseOpening = reject
      opening.then((result) => {
        this.#refuseOpening = null
        resolve(result)
      }, (error: unknown) => { this.fail(error) })
    })
  }

  next(): Promise<Step> {
    if (this.#waiting !== null) throw new Error('next was called while a batch is awaited')
    if (this.#isDetached && this.#ended === null) return this.#nextAlone()
    const step = this.#ended === null ? this.#run.take(this) : null
    if (step !== null) return Promise.resolve(step)
    // Looked at again: with the last batch taken, it may just have learnt of a failure, or been set free.
    if (this.#isDetached) return this.#nextAlone()
    if (this.#ended !== null) return this.#settled()
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#run.pump()
    })
  }

  async return(): Promise<Step> {
    const alone = this.#alone
    this.complete()
    if (alone !== null) await (await alone).return?.()
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** A batch has come. */
  wake(step: Step): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve(step)
  }

  /** It has had everything, or wants no more. */
  complete(): void {
    const waiting = this.#finish()
    this.#ended ??= { failure: null }
    waiting?.resolve(done)
  }

  /** Its consumer learns of it now if it waits, otherwise at its next step. */
  fail(error: unknown): void {
    if (this.#ended !== null) return
    const refuse = this.#waiting?.reject ?? this.#refuseOpening
    this.#ended = { failure: refuse === null ? { error } : null }
    this.#finish()
    refuse?.(error)
  }

  /** It has had nothing yet: when it goes on, it runs the query itself. */
  detach(): void {
    this.#isDetached = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve(this.#nextAlone())
  }

  async #nextAlone(): Promise<Step> {
    this.#alone ??= this.#runAlone()
    const step = await (await this.#alone).next()
    return step.done === true ? done : step
  }

  async #runAlone(): Promise<AsyncIterator<EngineBatch>> {
    this.#signal.throwIfAborted()
    const result = await this.#start(this.#signal)
    const iterator = result.batches[Symbol.asyncIterator]()
    if (!this.#run.isOfSameForm(result)) {
      await iterator.return?.()
      throw new MeshError('ERR_QUERY_BROKEN', 'the columns of the result changed before its first rows were read', { details: { rows: 0 } })
    }
    return iterator
  }

  #settled(): Promise<Step> {
    const failure = this.#ended?.failure ?? null
    this.#ended = { failure: null }
    return failure === null ? Promise.resolve(done) : Promise.reject(failure.error as Error)
  }

  /** Returns whoever waited. */
  #finish(): Waiting | null {
    const waiting = this.#waiting
    this.#waiting = null
    this.#refuseOpening = null
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#run.leave(this, this.#signal.aborted ? this.#signal.reason : undefined)
    return waiting
  }
}

export class SharedRun {
  readonly #clock: Clock
  readonly #limits: RunLimits
  readonly #events: RunEvents
  readonly #controller = new AbortController()
  readonly #readers = new Set<Reader>()
  #opening: Promise<EngineResult> | null = null
  #first: Reader | null = null
  #result: EngineResult | null = null
  #iterator: AsyncIterator<EngineBatch> | null = null
  /** The batches from `#base` on. */
  #buffer: EngineBatch[] = []
  #base = 0
  #heldBytes = 0
  #isPulling = false
  #isClosed = false
  #end: { readonly error: unknown } | null = null
  #stallLeftMs: number
  #stall: { readonly timer: Timer; readonly sinceMs: number } | null = null

  constructor(parts: { readonly clock: Clock; readonly limits: RunLimits; readonly events: RunEvents }) {
    this.#clock = parts.clock
    this.#limits = parts.limits
    this.#events = parts.events
    this.#stallLeftMs = parts.limits.stallMs
  }

  get isOpened(): boolean {
    return this.#result !== null
  }

  get readers(): number {
    return this.#readers.size
  }

  /** The first reader's `start` is the execution. */
  join(reader: Reader, start: Start): Promise<EngineResult> {
    this.#readers.add(reader)
    this.#first ??= reader
    return reader.open(this.#opening ??= this.#open(start))
  }

  /** Nobody joins any more, and what all have had need not be held. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.closed()
    this.#trim()
  }

  isOfSameForm({ format, header }: EngineResult): boolean {
    const own = this.#result
    return own !== null && own.format === format && own.header.length === header.length && own.header.every((byte, index) => byte === header[index])
  }

  /** The reader's next step if it is known; null when it has to wait. */
  take(reader: Reader): Step | null {
    const batch = this.#buffer[reader.position - this.#base]
    if (batch !== undefined) {
      reader.position++
      this.#trim()
      if (this.#stall !== null) this.pump()
      return { done: false, value: batch }
    }
    if (this.#end === null) return null
    const { error } = this.#end
    if (error === null) {
      reader.complete()
      return done
    }
    // The engine was given the first one's deadline, which is no concern of others.
    if (reader !== this.#first && reader.position === 0 && isOfStarter(error)) {
      this.#setFree(reader)
      this.#events.retriedAlone()
    } else reader.fail(error)
    return null
  }

  leave(reader: Reader, reason: unknown): void {
    if (!this.#readers.delete(reader)) return
    if (this.#readers.size > 0) {
      this.#trim()
      if (this.#stall !== null) this.pump()
      return
    }
    this.close()
    this.#endStall()
    this.#drop(this.#buffer.length)
    if (this.#end !== null) return
    this.#end = { error: null }
    this.#controller.abort(reason ?? new MeshError('ERR_QUERY_CANCELLED', 'every reader of the result is gone'))
    this.#release(this.#iterator)
  }

  /** Pulls a batch for whoever waits, unless the buffer is full. */
  pump(): void {
    if (this.#isPulling || this.#end !== null || this.#result === null) return
    const isWanted = [...this.#readers].some(({ isWaiting }) => isWaiting)
    if (isWanted && !this.#makeRoom()) return
    this.#endStall()
    if (!isWanted) return
    this.#isPulling = true
    void this.#pull(this.#iterator ??= this.#result.batches[Symbol.asyncIterator]())
  }

  async #open(start: Start): Promise<EngineResult> {
    try {
      const result = await start(this.#controller.signal)
      this.#result = result
      // All are gone: nobody else would ever end it.
      if (this.#end !== null) this.#release(result.batches[Symbol.asyncIterator]())
      return result
    } catch (error) {
      this.#end ??= { error }
      this.close()
      throw error
    }
  }

  async #pull(iterator: AsyncIterator<EngineBatch>): Promise<void> {
    try {
      const step = await iterator.next()
      if (step.done === true) this.#end ??= { error: null }
      else if (this.#end === null) {
        this.#buffer.push(step.value)
        this.#hold(step.value.bytes.byteLength)
      }
    } catch (error) {
      this.#end ??= { error }
    }
    this.#isPulling = false
    if (this.#end !== null) this.close()
    for (const reader of [...this.#readers]) {
      if (!reader.isWaiting) continue
      const step = this.take(reader)
      if (step !== null) reader.wake(step)
    }
    this.pump()
  }

  /** True when another batch may be held. Whoever is in the way is set free, waited for or cut off. */
  #makeRoom(): boolean {
    if (!this.#isFull()) return true
    this.close()
    this.#trim()
    for (const reader of [...this.#readers]) {
      if (!this.#isFull()) return true
      if (reader.position > 0 || reader.isWaiting) continue
      this.#setFree(reader)
      this.#events.detached()
    }
    if (!this.#isFull()) return true
    if (this.#stallLeftMs > 0) {
      this.#stall ??= { sinceMs: this.#clock.nowMs(), timer: this.#clock.setTimer(this.#stallLeftMs, () => { this.#stalledTooLong() }) }
      return false
    }
    while (this.#isFull()) {
      const slowest = [...this.#readers].reduce((left, right) => right.position < left.position ? right : left)
      this.#events.cut()
      slowest.fail(new MeshError('ERR_QUERY_BROKEN', `the result is shared with ${this.#readers.size - 1} other readers, and this one fell too far behind`, {
        details: { batches: slowest.position }, nextStep: 'Discard the rows received and send the query again; read faster, or ask for less.',
      }))
    }
    return true
  }

  #setFree(reader: Reader): void {
    this.leave(reader, undefined)
    reader.detach()
  }

  #stalledTooLong(): void {
    this.#endStall()
    this.#stallLeftMs = 0
    this.pump()
  }

  #endStall(): void {
    if (this.#stall === null) return
    this.#stallLeftMs = Math.max(0, this.#stallLeftMs - (this.#clock.nowMs() - this.#stall.sinceMs))
    this.#stall.timer.cancel()
    this.#stall = null
  }

  /** One batch may always be held, however large it is. */
  #isFull(): boolean {
    return this.#buffer.length > 0 && this.#heldBytes >= this.#limits.bytesMax(this.#heldBytes)
  }

  /** Lets go what nobody needs: what all have had, once nobody can join. */
  #trim(): void {
    if (!this.#isClosed) return
    let slowest = Infinity
    for (const { position } of this.#readers) slowest = Math.min(slowest, position)
    this.#drop(Math.min(this.#buffer.length, slowest - this.#base))
  }

  #drop(batches: number): void {
    if (batches <= 0) return
    let bytes = 0
    for (let index = 0; index < batches; index++) bytes += (this.#buffer[index] as EngineBatch).bytes.byteLength
    this.#buffer = this.#buffer.slice(batches)
    this.#base += batches
    this.#hold(-bytes)
  }

  #hold(change: number): void {
    this.#heldBytes += change
    this.#events.heldBytesChanged(change)
  }

  /** The signal has told the engine; that its batches may say so once more concerns nobody. */
  #release(iterator: AsyncIterator<EngineBatch> | null): void {
    iterator?.return?.().then(() => undefined, () => undefined)
  }
}
