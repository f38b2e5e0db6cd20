/** What a node takes for the service times of its database: those that peers can be compared by. */
import { describe, expect, it } from 'vitest'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { executeGated, type GatedRequest } from '../../../src/node/gated-engine.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import type { EngineBatch, EngineResult } from '../../../src/ports/query-engine.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

const batch: EngineBatch = { bytes: new Uint8Array(1), rows: 1 }

interface Plan {
  /** Until the engine answers, Infinity for never, and then from pull to pull; as many pulls as times, the last of which finds the end. */
  readonly answersMs: number
  readonly pullsMs?: readonly number[]
}

function setUp() {
  const clock = new VirtualClock()
  const gate = new QueryGateDriver(new QueryGate({ limitMax: 64, limitInitial: 64 }), clock)
  let plan: Plan = { answersMs: 0 }
  async function* batches({ pullsMs = [0, 0] }: Plan): AsyncGenerator<EngineBatch, void, void> {
    for (const [index, ms] of pullsMs.entries()) {
      if (ms === Infinity) await new Promise(() => undefined)
      clock.advance(ms)
      if (index < pullsMs.length - 1) yield batch
    }
  }
  const engine = {
    database: 'd',
    execute: (): Promise<EngineResult> => {
      if (plan.answersMs === Infinity) return new Promise(() => undefined)
      clock.advance(plan.answersMs)
      return Promise.resolve({ format: 'raw', header: new Uint8Array(0), batches: batches(plan) })
    },
  }
  const execute = (takes: Plan, request: Partial<GatedRequest> = {}): Promise<EngineResult> => {
    plan = takes
    return executeGated({ gate, clock }, engine, { sql: 'SELECT 1', parameters: [], access: 'read', priority: 'normal', deadlineMs: Infinity, signal: new AbortController().signal, ...request })
  }
  /** Runs twenty to their end, with a reader that takes as long between its pulls. */
  const run = async (takes: Plan, request: Partial<GatedRequest> = {}, readerMs = 0): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      const { batches } = await execute(takes, request)
      clock.advance(readerMs)
      for await (const { rows } of batches) {
        expect(rows).toBe(1)
        clock.advance(readerMs)
      }
    }
  }
  return { clock, gate, execute, run, told: () => gate.services.expected(0)['d'] }
}

describe('the service times of a database', () => {
  it('are those to the first rows, however long the rest takes', async () => {
    const { run, told } = setUp()
    await run({ answersMs: 5, pullsMs: [0, 400, 400, 0] })
    expect(told()).toBeCloseTo(5, 5)
  })

  it('hold what the engine does for the first rows when it is asked for them, and not how long its reader waits', async () => {
    const { run, told } = setUp()
    await run({ answersMs: 5, pullsMs: [20, 400, 0] }, {}, 1_000)
    expect(told()).toBeCloseTo(25, 5)
  })

  it('are those to the end of a result without rows', async () => {
    const { run, told } = setUp()
    await run({ answersMs: 5, pullsMs: [3] })
    expect(told()).toBeCloseTo(8, 5)
  })

  it.each<[string, Partial<GatedRequest>]>([
    ['writes', { access: 'write' }],
    ['reads within transactions', { transaction: { id: new Uint8Array(16), step: 'statement' } }],
  ])('are not those of %s, which wait for locks', async (_what, request) => {
    const { run, told, execute, gate, clock } = setUp()
    await run({ answersMs: 150 }, request)
    expect(told()).toBeUndefined()
    await run({ answersMs: 2 })
    // Nor do those that hang make it slow.
    for (let i = 0; i < 12; i++) void execute({ answersMs: Infinity }, request)
    clock.advance(29_000)
    expect(told()).toBeCloseTo(2, 5)
    expect(gate.services.compare('d', 0, () => [{ name: 'replica', expectedMs: 2 }]).forwardedRatio).toBe(0)
  })

  it('grow with reads that hang, whether the engine does not answer or has no rows', async () => {
    for (const hangs of [{ answersMs: Infinity }, { answersMs: 0, pullsMs: [Infinity] }]) {
      const { run, execute, gate, clock, told } = setUp()
      await run({ answersMs: 2 })
      const hang = async (): Promise<void> => {
        void execute(hangs).then(({ batches }) => batches[Symbol.asyncIterator]().next())
        await settle(5)
      }
      for (let i = 0; i < 12; i++) await hang()
      clock.advance(29_000)
      expect(told()).toBeCloseTo(29_000, 5)
      // All leave but for one, which is to see whether it goes better.
      expect(gate.services.compare('d', 0, () => [{ name: 'replica', expectedMs: 2 }]).forwardedRatio).toBe(0)
      await hang()
      expect(gate.services.compare('d', 0, () => [{ name: 'replica', expectedMs: 2 }]).forwardedRatio).toBe(1)
    }
  })

  it('are not held up by readers that do not come', async () => {
    const { run, execute, gate, clock, told } = setUp()
    await run({ answersMs: 2 })
    for (let i = 0; i < 20; i++) await execute({ answersMs: 2 })
    clock.advance(29_000)
    expect(told()).toBeCloseTo(2, 5)
    expect(gate.services.compare('d', 0, () => [{ name: 'replica', expectedMs: 2 }]).forwardedRatio).toBe(0)
  })
})
