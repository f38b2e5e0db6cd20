import { describe, expect, it } from 'vitest'
import { createOfflineClassifier } from '../../../src/adapters/postgres/offline-classifier.ts'
import { MeshError } from '../../../src/errors.ts'
import { UnservedClassifier } from '../../../src/node/unserved-classifier.ts'

const kinds: Readonly<Record<string, readonly string[]>> = { ducks: ['duckdb'], server: ['postgres'], mixed: ['duckdb', 'postgres', 'duckdb'], own: ['echo'], nobody: [] }
const kindsOf = (database: string): readonly string[] => kinds[database] ?? []

/** Its own word is what it takes for a read. */
function setUp() {
  const closed: string[] = []
  const created: string[] = []
  const parser = (dialect: string) => () => {
    created.push(dialect)
    return Promise.resolve({
      classify: (sql: string) => (sql === 'bad' ? Promise.reject(new MeshError('ERR_SQL', 'syntax')) : Promise.resolve(sql.includes(dialect) ? 'read' as const : 'write' as const)),
      close: () => { closed.push(dialect); return Promise.resolve() },
    })
  }
  return { closed, created, classifier: new UnservedClassifier({ kindsOf, create: { duckdb: parser('duckdb'), postgres: parser('postgres') } }) }
}

describe('UnservedClassifier', () => {
  it.each<[string, string, 'read' | 'unknown']>([
    ['ducks', 'duckdb', 'read'], ['ducks', 'postgres', 'unknown'], ['ducks', 'bad', 'unknown'],
    ['server', 'postgres', 'read'], ['server', 'duckdb', 'unknown'],
    ['mixed', 'postgres', 'unknown'], ['mixed', 'duckdb', 'unknown'], ['mixed', 'duckdb and postgres', 'read'],
    ['own', 'duckdb', 'read'], ['own', 'postgres', 'unknown'],
    ['nobody', 'duckdb and postgres', 'unknown'], ['unheard-of', 'duckdb and postgres', 'unknown'],
  ])('of %s takes %j for: %s', async (database, sql, access) => {
    expect(await setUp().classifier.classify(database, sql)).toBe(access)
  })

  it('makes each parser at the first query that needs it', async () => {
    const { classifier, created, closed } = setUp()
    await classifier.classify('nobody', 'x')
    expect(created).toEqual([])
    for (const database of ['server', 'server', 'ducks', 'own']) await classifier.classify(database, 'x')
    expect(created).toEqual(['postgres', 'duckdb'])
    await classifier.close()
    expect(closed).toEqual(['postgres', 'duckdb'])
  })

  it('tries again to make a parser when that failed', async () => {
    let attempts = 0
    const closed: string[] = []
    const classifier = new UnservedClassifier({ kindsOf, create: {
      duckdb: () => (++attempts === 1 ? Promise.reject(new Error('no memory')) : Promise.resolve({ classify: () => Promise.resolve('read' as const), close: () => { closed.push('closed'); return Promise.resolve() } })),
      postgres: () => Promise.reject(new Error('not asked for')),
    } })
    expect(await classifier.classify('ducks', 'SELECT 1')).toBe('unknown')
    expect(await classifier.classify('ducks', 'SELECT 1')).toBe('read')
    await classifier.close()
    expect([attempts, closed]).toEqual([2, ['closed']])
  })

  it('closes without having been used', async () => {
    await expect(setUp().classifier.close()).resolves.toBeUndefined()
  })
})

describe('PostgreSQL without a server to ask', () => {
  it.each<[string, 'read' | 'write' | 'ERR_SQL']>([
    ['SELECT count(*) FROM users WHERE at > now() - interval \'1 day\'', 'read'],
    // What DuckDB reads otherwise, or not at all.
    ['SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b', 'read'],
    ['SELECT * FROM t, LATERAL (SELECT 1) x WHERE data @> \'{"a": 1}\'::jsonb', 'read'],
    ['SELECT * FROM t FOR UPDATE', 'write'],
    ['SELECT * INTO u FROM t', 'write'],
    ['WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone', 'write'],
    // A function of the user's may do anything.
    ['SELECT pay_out(1)', 'write'],
    ['SELECT nextval(\'s\')', 'write'],
    ['INSERT INTO t VALUES (1)', 'write'],
    ['FROM t', 'ERR_SQL'],
  ])('%s: %s', async (sql, access) => {
    const classifier = createOfflineClassifier()
    expect(await classifier.classify(sql).catch((error: unknown) => (error as MeshError).code)).toBe(access)
    await classifier.close()
  })
})
