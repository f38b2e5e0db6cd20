import { describe, expect, it } from 'vitest'
import type { MemberView } from '../../../../src/wire/control.ts'
import { MeshError } from '../../../../src/errors.ts'
import { FakeProcess, type FakeOptions } from '../fake-context.ts'

const members = [
  { name: 'north-1', state: 'alive', record: { peerId: '12D3KooWa', datacenter: 'north', rack: 'r1', databases: [{ name: 'users' }, { name: 'orders' }] } },
  { name: 'south-1', state: 'failed', record: { peerId: '12D3KooWb', datacenter: 'south', rack: 'r1', databases: [{ name: 'users' }] } },
  { name: 'old', state: 'left', record: { peerId: '12D3KooWc', datacenter: 'west', rack: 'r1', databases: [{ name: 'archive' }] } },
] as unknown as MemberView[]
const control: NonNullable<FakeOptions['control']> = ({ method }) => (method === 'keys-list' ? { fingerprints: ['ab12', 'cd34'], removed: [], members: [] } : members)

async function offered(...words: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await new FakeProcess({ control }).run('complete', '--', ...words)
  expect([code, stderr]).toEqual([0, ''])
  return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t')[0] ?? '')
}

describe('completion', () => {
  it.each([
    [['db:la'], ['db:latency']], [['compl'], ['completion']], [['help', 'db:la'], ['db:latency']], [['--ver'], ['--version']],
    [['db:nodes', ''], ['orders', 'users']], [['db:nodes', 'u'], ['users']], [['db:nodes', 'users', '--j'], ['--json']], [['db:nodes', '--json', '--j'], []],
    [['db:query', 'users', '--format', ''], ['table', 'json', 'jsonl', 'csv', 'arrow']], [['db:query', 'users', '--format=j'], ['--format=json', '--format=jsonl']], [['db:query', '--priority', 'h', ], ['high']],
    [['start', '--strategy', 'near'], ['nearest']], [['start', '--log-level=w'], ['--log-level=warn']], [['start', '--data-dir', ''], [':folders']], [['start', '--config', ''], [':files']], [['db:query', 'users', '-f', ''], [':files']],
    [['members', '--state', 'f'], ['failed']], [['members', '--zone', ''], ['north', 'north/r1', 'south', 'south/r1']], [['members', '--database', ''], ['orders', 'users']],
    [['rtt', ''], ['north-1', 'south-1']], [['rtt', 'north-1', 's'], ['south-1']], [['members:force-leave', 's'], ['south-1']], [['peers:deny', '12D3KooWa', '12'], ['12D3KooWa', '12D3KooWb']], [['keys:use', 'a'], ['ab12']],
    [['completion', ''], ['bash', 'zsh', 'fish']], [['nonsense', ''], []], [['help', 'db:query', ''], []],
  ])('of %j offers %j', async (words: string[], offers: string[]) => {
    expect(await offered(...words)).toEqual(offers)
  })

  it('offers every command but what is not for people, each with its meaning', async () => {
    const { stdout } = await new FakeProcess().run('complete', '--', '')
    const lines = stdout.trim().split('\n')
    expect(lines).toContain('shell\trun SQL interactively, or that of a file')
    expect(lines.every((line) => /^[a-z:-]+\t.+/.test(line))).toBe(true)
    expect(lines.some((line) => line.startsWith('complete\t'))).toBe(false)
    expect((await new FakeProcess().run('--help')).stdout).not.toMatch(/^ {2}complete /m)
  })

  it('offers no name that a shell would take for more than a name', async () => {
    const hostile = [...'$`\'"\\;|&<>(){}[]*?!#^ \t\n\u001bé'].map((character) => ({ name: `a${character}b`, state: 'alive', record: { peerId: `p${character}`, datacenter: `d${character}`, rack: 'r', databases: [{ name: `t${character}u` }] } }))
    const mixed = [...hostile, { name: 'web-1~aB3x9Z', state: 'alive', record: { peerId: 'p', datacenter: 'd', rack: 'r', databases: [{ name: 't_u' }] } }]
    const offers = await Promise.all([['rtt', ''], ['members', '--zone', ''], ['db:nodes', ''], ['peers:deny', '']].map(async (words) => {
      const { stdout } = await new FakeProcess({ control: () => mixed as never }).run('complete', '--', ...words)
      return stdout.split('\n').flatMap((line) => line.split('\t')[0] || [])
    }))
    expect(offers).toEqual([['web-1~aB3x9Z'], ['d', 'd/r'], ['t_u'], ['p']])
  })

  it('asks the node that the line names, and is silent without one', async () => {
    const targets: string[] = []
    const process = new FakeProcess({ env: { REEDBASE_DATA_DIR: '/env' }, control: (_, { dataDir }) => {
      targets.push(dataDir)
      throw new MeshError('ERR_NO_NODE', 'none')
    } })
    for (const words of [['db:nodes', ''], ['db:nodes', '--data-dir', 'a', ''], ['db:nodes', '--data-dir=/b', '']]) expect(await process.run('complete', '--', ...words)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(targets).toEqual(['/env', '/srv/a', '/b'])
  })

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    const { code, stdout } = await new FakeProcess().run('completion', shell)
    expect([code, stdout.includes(`rdb completion ${shell}`), stdout.includes('complete --')]).toEqual([0, true, true])
  })

  it('refuses another shell', async () => {
    expect((await new FakeProcess().run('completion', 'tcsh')).code).toBe(2)
  })
})
