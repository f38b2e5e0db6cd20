/**
 * Runs docs/guides/membership.md: every `sh` line in order, at the first of three nodes. Streams are ended with Ctrl-C after their first line, and
 * before a member is taken off, it is killed. Tables and pages in `text` blocks must have the columns and titles of what their command prints.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CommandResult, type NodeProcess, startRdb, TestMesh, until } from '../support/processes.ts'

const guide = await readFile(join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/guides/membership.md'), 'utf8')
const blocks = [...guide.matchAll(/^```(sh|text)\n(.*?)^```$/gms)].map(([, kind = '', text = '']) => ({ kind, lines: text.trimEnd().split('\n') }))
const isStream = (line: string): boolean => line.includes('--watch') || line.includes('monitor')

const results = new Map<string, CommandResult>()
let mesh: TestMesh

async function run(line: string, nodes: readonly NodeProcess[]): Promise<CommandResult> {
  const [, ...args] = line.split(' ')
  const [first] = nodes as [NodeProcess]
  const running = startRdb(args, { env: { REEDBASE_DATA_DIR: first.dataDir } })
  if (isStream(line)) {
    await until(`"${line}" to begin`, async () => {
      // A line in the log.
      await first.rdb(['peers:deny', '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'])
      return running.stdoutSoFar() !== ''
    })
    running.child.kill('SIGINT')
  }
  return await running.ended
}

beforeAll(async () => {
  mesh = await TestMesh.create()
  const nodes = await mesh.startAll(['db1', 'db2', 'db3'])
  for (const line of blocks.filter(({ kind }) => kind === 'sh').flatMap(({ lines }) => lines)) {
    const member = /^rdb members:force-leave (\w+)$/.exec(line)?.[1]
    const victim = nodes.find(({ name }) => name === member)
    if (victim !== undefined) {
      victim.child.kill('SIGKILL')
      await until(`${victim.name} to have failed`, async () => (await nodes[0]?.members())?.some(({ name, state }) => name === victim.name && state === 'failed'))
    }
    results.set(line, await run(line, nodes))
  }
})
afterAll(() => mesh.stop())

const columnsOf = (lines: readonly string[]): string[] => lines.find((line) => line.startsWith('│'))?.split('│').map((title) => title.trim()).filter((title) => title !== '') ?? []

describe('docs/guides/membership.md', () => {
  it('its commands do what they are shown to do', () => {
    expect(results.size).toBeGreaterThan(12)
    expect([...results.keys()].filter((line) => !line.startsWith('rdb '))).toEqual([])
    for (const [line, { code, stderr }] of results) expect([line, isStream(line) ? [0, 130].includes(code ?? -1) : code, stderr]).toEqual([line, isStream(line) ? true : 0, ''])
    expect(results.get('rdb members --state failed,suspect')?.stdout).toMatch(/\n\d members?\n$/)
    expect(results.get('rdb members --zone default --database numbers')?.stdout).toContain('3 members\n')
    expect(results.get('rdb leave')?.stdout).toBe('db1 leaves the mesh.\ndb1 is gone.\n')
  })

  it('its tables have the columns of the real ones', () => {
    let tables = 0
    for (const [index, { kind, lines }] of blocks.entries()) {
      const [command = ''] = blocks[index - 1]?.lines ?? []
      if (kind !== 'text' || columnsOf(lines).length === 0) continue
      tables++
      expect([command, columnsOf(results.get(command)?.stdout.split('\n') ?? [])]).toEqual([command, columnsOf(lines)])
    }
    expect(tables).toBe(2)
  })

  it('its sentences have the form of the real ones', () => {
    expect(results.get('rdb rtt db2 db3')?.stdout).toMatch(/^db2 – db3: (?:≈\S+ ±\d+% estimated from coordinates|not measured from here, and one of the two coordinates is not known yet)\n$/)
    expect(results.get('rdb members --watch')?.stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} member-joined {4}db1: this node, alive\n/)
    expect(results.get('rdb status')?.stdout).toMatch(/\nQuorum: .*\nHealth: /)
  })
})
