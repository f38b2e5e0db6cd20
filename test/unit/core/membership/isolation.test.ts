import { expect, it } from 'vitest'
import { ISOLATION_PERIODS } from '../../../../src/core/membership/hearing.ts'
import { advance, createAlive, isPing, packet, recordUpdate } from './fixtures.ts'

it('a node that hears nobody knows that it is cut off, long before it has given up the others', () => {
  const machine = createAlive(Array.from({ length: 30 }, (_, index) => `m${index}`))
  advance(machine, 10_000, (effect, nowMs) => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) })
  expect(machine.isIsolated(10_000)).toBe(false)
  advance(machine, 10_000 + 1000 * (ISOLATION_PERIODS - 1))
  expect(machine.isIsolated(10_000 + 1000 * (ISOLATION_PERIODS - 1))).toBe(false)
  advance(machine, 25_000)
  expect([machine.isIsolated(25_000), machine.countOf('failed')]).toEqual([true, 0])
  machine.handleUpdates(25_001, { from: 'm3', updates: [recordUpdate('m3', 2)] })
  expect(machine.isIsolated(25_001)).toBe(false)
})

it('a node without others is alone, not isolated', () => {
  const machine = createAlive([])
  advance(machine, 60_000)
  expect(machine.isIsolated(60_000)).toBe(false)
})
