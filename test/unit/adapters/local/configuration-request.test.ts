import { describe, expect, it } from 'vitest'
import { parseControlRequest } from '../../../../src/adapters/local/control-request.ts'

const parse = (request: unknown): unknown => parseControlRequest(JSON.stringify(request))

describe('requests that change a configuration', () => {
  it('come through as they are', () => {
    for (const request of [
      { method: 'databases' },
      { method: 'measurement', database: 'users' },
      { method: 'measurement', database: null },
      { method: 'routing-config', database: 'users', change: null, save: true },
      { method: 'routing-config', database: 'users', change: { cpuThresholdPercent: 85, memoryThresholdPercent: null, strategy: 'adaptive', pingIntervalMs: 60_000 }, save: false },
      { method: 'routing-config', database: 'users', change: { strategy: null }, save: true },
      { method: 'database-register', name: 'users', entry: { path: '/srv/users', threads: 2 }, save: true },
      { method: 'database-unregister', name: 'users', save: false, force: true },
    ]) expect(parse(request)).toEqual(request)
  })

  it('are saved, and not forced, unless they say otherwise', () => {
    expect(parse({ method: 'database-unregister', name: 'users' })).toEqual({ method: 'database-unregister', name: 'users', save: true, force: false })
  })

  it.each([
    { method: 'measurement', database: 7 },
    { method: 'routing-config', change: null },
    { method: 'routing-config', database: 'users', change: 'all' },
    { method: 'routing-config', database: 'users', change: { cpuThresholdPercent: 0 } },
    { method: 'routing-config', database: 'users', change: { memoryThresholdPercent: '85' } },
    { method: 'routing-config', database: 'users', change: { strategy: '' } },
    { method: 'routing-config', database: 'users', change: { pingIntervalMs: 50 } },
    { method: 'routing-config', database: 'users', change: { pingIntervalMs: null } },
    { method: 'database-register', name: '', entry: { path: '/srv/users' } },
    { method: 'database-register', name: 'users', entry: {} },
    { method: 'database-register', name: 'users', entry: ['/srv/users'] },
    { method: 'database-register', name: 'users', entry: { path: 'a\0b' } },
    { method: 'database-register', name: 'users', entry: { path: 'x'.repeat(5_000) } },
    { method: 'database-register', name: 'users', entry: { path: '/srv/users', role: { name: 'primary' } } },
    { method: 'database-register', name: 'users', entry: { path: '/srv/users', ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`s${index}`, 1])) } },
  ])('are refused as %j', (request) => {
    expect(() => parse(request)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
