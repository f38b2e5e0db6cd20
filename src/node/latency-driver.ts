/** Joins the latency machine to the ping protocol. */
import type { LatencySource } from '../core/latency/latency-window.ts'
import type { LatencyEffect, PeerLatencies } from '../core/latency/peer-latencies.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { MachineTimer } from './machine-timer.ts'

export interface LatencyDriverParts {
  readonly latencies: PeerLatencies
  /** Resolves with the RTT; rejects when no answer came within the ping timeout. */
  readonly ping: (peerId: string) => Promise<number>
  /** Every outcome, of whichever kind, of peers that are measured or not; `latencies` has it already. */
  readonly onRtt: (peerId: string, rttMs: number, source: LatencySource) => void
  readonly onLost: (peerId: string, source: LatencySource) => void
  readonly clock: Clock
  readonly log: Log
}

export class LatencyDriver {
  readonly #parts: LatencyDriverParts
  readonly #timer: MachineTimer
  #stopped = false

  constructor(parts: LatencyDriverParts) {
    this.#parts = parts
    this.#timer = new MachineTimer(parts.clock, parts.latencies, (nowMs) => this.#perform(parts.latencies.handleTimeout(nowMs)))
  }

  addPeer(peerId: string): void {
    this.#perform(this.#parts.latencies.addPeer(this.#parts.clock.nowMs(), peerId))
  }

  removePeer(peerId: string): void {
    this.#perform(this.#parts.latencies.removePeer(this.#parts.clock.nowMs(), peerId))
  }

  /** @throws MeshError ERR_OPTION_INVALID */
  setPingInterval(pingIntervalMs: number): void {
    this.#perform(this.#parts.latencies.setPingInterval(this.#parts.clock.nowMs(), pingIntervalMs))
  }

  /** From a datagram ack. */
  handleRtt(peerId: string, rttMs: number): void {
    this.#noteRtt(peerId, rttMs, 'datagram')
  }

  handleLost(peerId: string): void {
    this.#noteLost(peerId, 'datagram')
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
  }

  #perform(effects: readonly LatencyEffect[]): void {
    for (const effect of effects) void this.#ping(effect.peerId)
    this.#timer.rearm()
  }

  async #ping(peerId: string): Promise<void> {
    try {
      const rttMs = await this.#parts.ping(peerId)
      if (!this.#stopped) this.#noteRtt(peerId, rttMs, 'ping')
    } catch (error) {
      if (this.#stopped) return
      this.#parts.log.debug({ peerId, err: error }, 'ping failed')
      this.#noteLost(peerId, 'ping')
    }
  }

  #noteRtt(peerId: string, rttMs: number, source: LatencySource): void {
    this.#perform(this.#parts.latencies.handleRtt(this.#parts.clock.nowMs(), peerId, rttMs, source))
    this.#parts.onRtt(peerId, rttMs, source)
  }

  #noteLost(peerId: string, source: LatencySource): void {
    this.#perform(this.#parts.latencies.handleLost(this.#parts.clock.nowMs(), peerId, source))
    this.#parts.onLost(peerId, source)
  }
}
