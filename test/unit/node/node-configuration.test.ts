import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadNodeConfiguration, type NodeConfiguration } from '../../../src/node/options.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'reedbase-configuration-'))
  mkdirSync(join(cwd, '.reedbase'))
})
afterEach(() => { rmSync(cwd, { recursive: true }) })

const load = (flags: Record<string, unknown> = {}, env: Record<string, string> = {}): NodeConfiguration => loadNodeConfiguration({ flags, env, cwd })
const write = (path: string, text: string): void => { writeFileSync(join(cwd, path), text) }

describe('the configuration file', () => {
  it('is that of the data folder where none is named', () => {
    write('.reedbase/reedbase.yaml', 'name: local1\ndatabases: { users: ./users }\n')
    const { options, file } = load()
    expect([options.name, options.databases[0]?.path, file]).toEqual(['local1', join(cwd, '.reedbase/users'), join(cwd, '.reedbase/reedbase.yaml')])
  })

  it('is found by the flag and the variable of the data folder', () => {
    mkdirSync(join(cwd, 'data'))
    write('data/reedbase.yaml', 'name: other\n')
    expect([load({ dataDir: 'data' }).options.name, load({}, { REEDBASE_DATA_DIR: 'data' }).options.name]).toEqual(['other', 'other'])
  })

  it('need not exist there', () => {
    expect(load()).toMatchObject({ file: join(cwd, '.reedbase/reedbase.yaml'), options: { databases: [] } })
  })

  it('is the one that is named, and then only that', () => {
    write('.reedbase/reedbase.yaml', 'name: local1\n')
    write('mine.yaml', 'rack: r1\n')
    for (const { options, file } of [load({ config: 'mine.yaml' }), load({}, { REEDBASE_CONFIG: 'mine.yaml' })]) expect([options.rack, options.name === 'local1', file]).toEqual(['r1', false, join(cwd, 'mine.yaml')])
  })

  it('must not name another data folder, where it was found by its own', () => {
    write('.reedbase/reedbase.yaml', 'dataDir: ./elsewhere\n')
    expect(() => load()).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('names') as string }))
    write('.reedbase/reedbase.yaml', 'dataDir: .\n')
    expect(load().options.dataDir).toBe(join(cwd, '.reedbase'))
  })

  it('says what a faulty file says, with its line', () => {
    write('.reedbase/reedbase.yaml', 'name: local1\npingInterval: 30\n')
    expect(() => load()).toThrow('.reedbase/reedbase.yaml:2 pingInterval is 30')
  })
})

describe('what wins over the file', () => {
  it('is told by key, flags before variables', () => {
    expect([...load({ databases: ['users=./u'], pingInterval: '10s' }, { REEDBASE_PING_INTERVAL: '20s', REEDBASE_RACK: 'r1' }).overriddenBy]).toEqual([['pingInterval', '--ping-interval'], ['rack', 'REEDBASE_RACK'], ['databases', '--db']])
  })

  it('also wins over a text that is tried', () => {
    write('.reedbase/reedbase.yaml', 'pingInterval: 40s\n')
    const { withText } = load({ rack: 'r1' })
    expect(withText('rack: r2\ncpuThreshold: 70\n')).toMatchObject({ rack: 'r1', cpuThresholdPercent: 70, pingIntervalMs: 30_000 })
    expect(() => withText('colour: red\n')).toThrow(expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }))
    // No line of a file that is not written.
    expect(() => withText('rack: r2\npingInterval: 1s\n')).toThrow(expect.objectContaining({ message: expect.stringMatching(/^the default of pingTimeout \(5000ms\) must be below pingInterval that \S*reedbase\.yaml would have \(1000ms\)$/) as string }))
  })
})
