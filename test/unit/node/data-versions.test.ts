import { describe, expect, it } from 'vitest'
import { DataVersions } from '../../../src/node/data-versions.ts'
import { settle } from '../../support/query-plane.ts'

function setUp() {
  const answers: Array<(version: string | null) => void> = []
  const told: string[] = []
  const versions = new DataVersions({
    engines: new Map([
      ['db', { dataVersion: () => new Promise<string | null>((resolve) => { answers.push(resolve) }) }],
      ['silent', {}],
      ['broken', { dataVersion: () => Promise.reject(new Error('no')) }],
    ]),
    onVersion: (database, version) => { told.push(`${database} ${version}`) },
  })
  return { answers, told, versions }
}

describe('versions of the data', () => {
  it('are named by some engines only', () => {
    const { versions } = setUp()
    expect(['db', 'silent', 'broken', 'unknown'].map((database) => versions.isNamed(database))).toEqual([true, false, true, false])
  })

  it('are never told from before the question: those who ask meanwhile share the next one', async () => {
    const { answers, told, versions } = setUp()
    const heard: string[] = []
    const ask = (who: string): void => { void versions.current('db').then((version) => { heard.push(`${who} ${version}, told ${told.length}`) }) }
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
    const { answers, told, versions } = setUp()
    const asked = versions.current('db')
    answers[0]?.(null)
    await expect(asked).resolves.toBeNull()
    await expect(versions.current('broken')).resolves.toBeNull()
    await expect(versions.current('silent')).resolves.toBeNull()
    expect(told).toEqual([])
    expect(versions.counters).toEqual({ versionsAsked: 3, versionsUnknown: 3 })
  })
})
