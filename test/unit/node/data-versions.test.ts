import { describe, expect, it } from 'vitest'
import { DataVersions } from '../../../src/node/data-versions.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

function setUp() {
  const answers: Array<(version: string | null) => void> = []
  const told: string[] = []
  const clock = new VirtualClock()
  const versions = new DataVersions({
    engines: new Map([
      ['db', { dataVersion: () => new Promise<string | null>((resolve) => { answers.push(resolve) }) }],
      ['silent', {}],
      ['broken', { dataVersion: () => Promise.reject(new Error('no')) }],
    ]),
    clock,
    onVersion: (database, version) => { told.push(`${database} ${version}`) },
  })
  return { answers, clock, told, versions, current: (database: string, signal = new AbortController().signal) => versions.current(database, signal) }
}

describe('versions of the data', () => {
  it('are named by some engines only', () => {
    const { versions } = setUp()
    expect(['db', 'silent', 'broken', 'unknown'].map((database) => versions.isNamed(database))).toEqual([true, false, true, false])
  })

  it('are never told from before the question: those who ask meanwhile share the next one', async () => {
    const { answers, told, versions, current } = setUp()
    const heard: string[] = []
    const ask = (who: string): void => { void current('db').then((version) => { heard.push(`${who} ${version}, told ${told.length}`) }) }
    ask('first')
    ask('second')
    ask('third')
    expect(answers).toHaveLength(1)
    answers[0]?.('v1')
    await settle(5)
    expect(heard).toEqual(['first v1, told 1'])
    expect(answers).toHaveLength(2)
    ask('fourth')
    answers[1]?.('v2')
    await settle(5)
    expect(heard).toEqual(['first v1, told 1', 'second v2, told 2', 'third v2, told 2'])
    answers[2]?.('v2')
    await settle(5)
    expect(heard.at(-1)).toBe('fourth v2, told 3')
    ask('later')
    expect(answers).toHaveLength(4)
    expect(versions.counters).toEqual({ versionsAsked: 4, versionsUnknown: 0 })
  })

  it('are unknown where the engine cannot say, or throws', async () => {
    const { answers, told, versions, current } = setUp()
    const asked = current('db')
    answers[0]?.(null)
    await expect(asked).resolves.toBeNull()
    await expect(current('broken')).resolves.toBeNull()
    await expect(current('silent')).resolves.toBeNull()
    expect(told).toEqual([])
    expect(versions.counters).toEqual({ versionsAsked: 3, versionsUnknown: 3 })
  })

  it('are not waited for longer than a second, nor asked for while a question is overdue', async () => {
    const { answers, clock, told, versions, current } = setUp()
    const [first, second] = [current('db'), current('db')]
    clock.advance(1000)
    await expect(Promise.all([first, second, current('db')])).resolves.toEqual([null, null, null])
    expect([answers.length, clock.pending]).toEqual([1, 0])
    // Of a moment long ago: nobody is told.
    answers[0]?.('v1')
    await settle(5)
    expect(told).toEqual([])
    const later = current('db')
    answers[1]?.('v2')
    await expect(later).resolves.toBe('v2')
    expect([told, clock.pending, versions.counters]).toEqual([['db v2'], 0, { versionsAsked: 2, versionsUnknown: 1 }])
  })

  it('are asked for by nobody who has left', async () => {
    const { answers, current } = setUp()
    const controller = new AbortController()
    const reason = new Error('cancelled')
    const staying = current('db')
    const left = [current('db', controller.signal), current('db', controller.signal)]
    controller.abort(reason)
    for (const each of left) await expect(each).rejects.toBe(reason)
    await expect(current('db', controller.signal)).rejects.toBe(reason)
    answers[0]?.('v1')
    await expect(staying).resolves.toBe('v1')
    await settle(5)
    expect(answers).toHaveLength(1)
    const alone = new AbortController()
    const asked = current('db', alone.signal)
    alone.abort(reason)
    await expect(asked).rejects.toBe(reason)
    const behind = current('db')
    answers[1]?.('v1')
    await settle(5)
    answers[2]?.('v2')
    await expect(behind).resolves.toBe('v2')
  })
})
