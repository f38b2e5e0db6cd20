import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { UnservedClassifier } from '../../../src/node/unserved-classifier.ts'

const parser = (closed: string[] = []) => ({
  classify: (sql: string) => (sql === 'bad' ? Promise.reject(new MeshError('ERR_SQL', 'syntax')) : Promise.resolve(sql.startsWith('SELECT') ? 'read' as const : 'write' as const)),
  close: () => { closed.push('closed'); return Promise.resolve() },
})

describe('UnservedClassifier', () => {
  it('knows a read, and leaves all else to the peer', async () => {
    const classifier = new UnservedClassifier(() => Promise.resolve(parser()))
    expect(await Promise.all(['SELECT 1', 'INSERT …', 'bad'].map((sql) => classifier.classify(sql)))).toEqual(['read', 'unknown', 'unknown'])
  })

  it('makes its parser at the first query, and tries again when that failed', async () => {
    let attempts = 0
    const closed: string[] = []
    const classifier = new UnservedClassifier(() => (++attempts === 1 ? Promise.reject(new Error('no memory')) : Promise.resolve(parser(closed))))
    expect(attempts).toBe(0)
    expect(await classifier.classify('SELECT 1')).toBe('unknown')
    expect(await classifier.classify('SELECT 1')).toBe('read')
    await classifier.close()
    expect([attempts, closed]).toEqual([2, ['closed']])
  })

  it('closes without having been used', async () => {
    await expect(new UnservedClassifier(() => Promise.resolve(parser())).close()).resolves.toBeUndefined()
  })
})
