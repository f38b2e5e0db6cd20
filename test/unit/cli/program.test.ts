import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { FakeProcess } from './fake-context.ts'

describe('rdb', () => {
  it.each([[[]], [['--help']], [['-h']], [['help']]])('%j prints the help on stdout', async (args: string[]) => {
    const { code, stdout, stderr } = await new FakeProcess().run(...args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Usage: rdb [options] [command]')
    for (const name of ['start', 'db:query', 'db:nodes', 'db:latency', 'members', 'members:force-leave', 'monitor', 'rtt', 'reachability', 'leave', 'status', 'drill', 'keys:generate', 'keys:list', 'version']) expect(stdout).toContain(`\n  ${name} `)
  })

  it.each(['start', 'db:query', 'db:nodes', 'db:latency', 'members', 'members:force-leave', 'monitor', 'rtt', 'reachability', 'leave', 'status', 'drill', 'keys:generate', 'keys:list'])('%s --help has examples', async (command) => {
    const { code, stdout } = await new FakeProcess().run(command, '--help')
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: rdb ${command}`)
    expect(stdout).toMatch(new RegExp(`Examples:\n(?:.*\n)*.*rdb ${command}`))
    expect((await new FakeProcess().run('help', command)).stdout).toBe(stdout)
  })

  it.each([[['version']], [['--version']], [['-V']]])('%j prints the version', async (args: string[]) => {
    expect(await new FakeProcess().run(...args)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rdb \d+\.\d+\.\d+ \(node \d+/) as string })
  })

  it.each([
    [['member'], 'error: unknown command "member"; did you mean members? (ERR_OPTION_UNKNOWN)\nUsage: rdb <command> [options]\nnext: rdb --help lists the commands.\n'],
    [['xyzzy'], 'error: unknown command "xyzzy" (ERR_OPTION_UNKNOWN)\nUsage: rdb <command> [options]\nnext: rdb --help lists the commands.\n'],
    [['help', 'nosuch'], 'error: unknown command "nosuch" (ERR_OPTION_UNKNOWN)\nUsage: rdb <command> [options]\nnext: rdb --help lists the commands.\n'],
    [['help', 'member'], 'error: unknown command "member"; did you mean members? (ERR_OPTION_UNKNOWN)\nUsage: rdb <command> [options]\nnext: rdb --help lists the commands.\n'],
    [['members', '--jsn'], "error: unknown option '--jsn' (ERR_OPTION_UNKNOWN)\n(Did you mean --json?)\nUsage: rdb members [options]\nnext: rdb members --help\n"],
    [['db:nodes'], "error: missing required argument 'database' (ERR_OPTION_INVALID)\nUsage: rdb db:nodes [options] <database>\nnext: rdb db:nodes --help\n"],
    [['db:measure:start', 'users', '--name', 'x'], "error: unknown option '--name': options of rdb start follow --, as in … -- --name … (ERR_OPTION_UNKNOWN)\nUsage: rdb db:measure:start [options] <database> [start-options...]\nnext: rdb db:measure:start --help\n"],
    [['db:measure:start', 'users', '--nothing'], "error: unknown option '--nothing' (ERR_OPTION_UNKNOWN)\nUsage: rdb db:measure:start [options] <database> [start-options...]\nnext: rdb db:measure:start --help\n"],
    [['members', 'x'], "error: too many arguments for 'members'. Expected 0 arguments but got 1. (ERR_OPTION_INVALID)\nUsage: rdb members [options]\nnext: rdb members --help\n"],
    [['db:query', 'a', 'SELECT 1', '--format', 'xml'], "error: option '--format <format>' argument 'xml' is invalid. Allowed choices are table, json, jsonl, csv, arrow. (ERR_OPTION_INVALID)\nUsage: rdb db:query [options] <database> [sql...]\nnext: rdb db:query --help\n"],
  ])('%j is bad usage: exit 2, on stderr', async (args: string[], stderr) => {
    expect(await new FakeProcess().run(...args)).toEqual({ code: 2, stdout: '', stderr })
  })

  it('shows a known error in two lines, with its exit code', async () => {
    const process = new FakeProcess({ control: () => { throw new MeshError('ERR_NO_NODE', 'no node runs on /srv/.reedbase') } })
    expect(await process.run('members')).toEqual({
      code: 3, stdout: '', stderr: 'error: no node runs on /srv/.reedbase (ERR_NO_NODE)\nnext: Start one with rdb start, or the last one again with rdb db:measure:restart, or point --data-dir at a running one.\n',
    })
  })

  it('shows a stack only with REEDBASE_DEBUG=1', async () => {
    const fail = (): never => { throw new TypeError('boom') }
    const quiet = await new FakeProcess({ control: fail }).run('status')
    expect(quiet).toMatchObject({ code: 70, stderr: 'error: boom (ERR_INTERNAL)\nnext: Report it with the log of the node. REEDBASE_DEBUG=1 shows where it happened.\n' })
    const loud = await new FakeProcess({ control: fail, env: { REEDBASE_DEBUG: '1' } }).run('status')
    expect(loud.stderr).toContain('TypeError: boom\n    at ')
  })

  it('ends quietly when the reader of stdout goes away', async () => {
    expect(await new FakeProcess({ closesAfterWrites: 0 }).run('version')).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it.each([
    [['members'], {}, '/srv/.reedbase'], [['members', '--data-dir', 'a'], { REEDBASE_DATA_DIR: '/b' }, '/srv/a'], [['members'], { REEDBASE_DATA_DIR: '/b' }, '/b'],
  ])('%j with %j asks the node on %s', async (args: string[], env: Record<string, string>, dataDir) => {
    const targets: string[] = []
    await new FakeProcess({ env, control: (_, target) => { targets.push(target.dataDir); return [] } }).run(...args)
    expect(targets).toEqual([dataDir])
  })
})
