import { describe, expect, it } from 'vitest'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import type { AdmissionOptions } from '../../../src/core/admission/options.ts'
import type { Priority } from '../../../src/core/routing/types.ts'
import { MeshError } from '../../../src/errors.ts'
import { QueryGateDriver, type Ticket } from '../../../src/node/query-gate-driver.ts'
import { turn, VirtualClock } from '../../support/query-plane.ts'

function setUp(options: Partial<AdmissionOptions> = {}): { clock: VirtualClock; driver: QueryGateDriver } {
  const clock = new VirtualClock()
  return { clock, driver: new QueryGateDriver(new QueryGate({ limitMax: 1, ...options }), clock) }
}

const never = new AbortController().signal

/** Records what became of an attempt to enter. */
function enter(driver: QueryGateDriver, priority: Priority = 'normal', { signal = never, deadlineMs = Infinity } = {}): { ticket: Ticket | null; error: unknown } {
  const outcome: { ticket: Ticket | null; error: unknown } = { ticket: null, error: null }
  driver.enter(priority, { signal, deadlineMs }).then((ticket) => { outcome.ticket = ticket }, (error: unknown) => { outcome.error = error })
  return outcome
}

describe('QueryGateDriver', () => {
  it('gives a ticket at once while a place is free, and null otherwise', () => {
    const { driver, clock } = setUp()
    const ticket = driver.tryEnter('normal')
    expect(ticket).not.toBeNull()
    expect(driver.tryEnter('critical')).toBeNull()
    expect(driver.waitingTotal).toBe(0)
    ticket?.finish('completed', 1)
    expect(driver.running).toBe(0)
    expect(driver.tryEnter('low')).not.toBeNull()
    expect(clock.pending).toBe(0)
  })

  it('lets the next one in when a ticket is finished, and only once for each ticket', async () => {
    const { driver } = setUp()
    const first = driver.tryEnter('normal')
    const second = enter(driver)
    const third = enter(driver)
    await turn()
    expect(second.ticket).toBeNull()
    first?.finish('completed', 1)
    first?.finish('completed', 1)
    await turn()
    expect(second.ticket).not.toBeNull()
    expect(third.ticket).toBeNull()
    expect(driver.running).toBe(1)
  })

  it('refuses with ERR_OVERLOADED what was certainly not started, and may be tried again', async () => {
    const { driver } = setUp({ waitingMax: 1 })
    driver.tryEnter('normal')
    const low = enter(driver, 'low')
    const alsoLow = enter(driver, 'low')
    const high = enter(driver, 'high')
    await turn()
    expect(alsoLow.error).toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no', retryable: true, reason: 'queue-full', priority: 'low' } })
    expect(low.error).toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no', reason: 'displaced' } })
    expect(high.error).toBeNull()
    expect(driver.waiting.high).toBe(1)
  })

  it('ends the wait at the deadline, with one timer for all', async () => {
    const { driver, clock } = setUp()
    const first = driver.tryEnter('normal')
    const early = enter(driver, 'normal', { deadlineMs: 100 })
    const late = enter(driver, 'normal', { deadlineMs: 300 })
    expect(clock.pending).toBe(1)
    clock.advance(100)
    await turn()
    expect(early.error).toMatchObject({ code: 'ERR_QUERY_TIMEOUT', details: { started: 'no' } })
    expect(late.error).toBeNull()
    first?.finish('completed', 100)
    await turn()
    expect(late.ticket).not.toBeNull()
    expect(clock.pending).toBe(0)
  })

  it('does not start what comes after its deadline', async () => {
    const { driver, clock } = setUp()
    clock.advance(10)
    const late = enter(driver, 'critical', { deadlineMs: 10 })
    await turn()
    expect(late.error).toMatchObject({ code: 'ERR_QUERY_TIMEOUT' })
    expect(driver.running).toBe(0)
  })

  it('ends the wait with the reason of an abort, and gives the place to the next', async () => {
    const { driver } = setUp()
    const first = driver.tryEnter('normal')
    const controller = new AbortController()
    const reason = new MeshError('ERR_QUERY_CANCELLED', 'gone')
    const aborted = enter(driver, 'high', { signal: controller.signal })
    const next = enter(driver)
    controller.abort(reason)
    first?.finish('completed', 1)
    await turn()
    expect(aborted.error).toBe(reason)
    expect(next.ticket).not.toBeNull()
    const tooLate = enter(driver, 'high', { signal: controller.signal })
    await turn()
    expect(tooLate.error).toBe(reason)
    expect(driver.waitingTotal).toBe(0)
  })

  it('keeps the ticket of one that is aborted after it was let in', async () => {
    const { driver } = setUp()
    const first = driver.tryEnter('normal')
    const controller = new AbortController()
    const waiting = enter(driver, 'normal', { signal: controller.signal })
    first?.finish('completed', 1)
    controller.abort(new MeshError('ERR_QUERY_CANCELLED', 'gone'))
    await turn()
    expect(driver.running).toBe(1)
    waiting.ticket?.finish('cancelled', 1)
    expect(driver.running).toBe(0)
  })

  it('refuses those who wait and all who come once it is closed', async () => {
    const { driver, clock } = setUp()
    const first = driver.tryEnter('normal')
    const waiting = enter(driver, 'normal', { deadlineMs: 100 })
    const reason = new MeshError('ERR_DRAINING', 'stopping')
    driver.close(reason)
    const later = enter(driver)
    await turn()
    expect(waiting.error).toBe(reason)
    expect(later.error).toBe(reason)
    expect(driver.tryEnter('critical')).toBeNull()
    first?.finish('completed', 1)
    expect(driver.running).toBe(0)
    expect(clock.pending).toBe(0)
  })
})
