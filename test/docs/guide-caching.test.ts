/** Runs docs/guides/caching.md: a node as its first command starts it, then the others at it. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CommandResult, type NodeProcess, TestMesh, until } from '../support/processes.ts'

const guide = await readFile(join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/guides/caching.md'), 'utf8')
const split = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1)
const [start = '', ...commands] = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, text = '']) => text.trimEnd().split('\n'))

describe('docs/guides/caching.md', () => {
  let mesh: TestMesh
  let node: NodeProcess
  let file: string
  const results: CommandResult[] = []
  const counters = async (): Promise<Readonly<Record<string, number>>> => (await node.status()).counters
  beforeAll(async () => {
    mesh = await TestMesh.create()
    const folder = join(mesh.folder, 'kept')
    await mkdir(folder)
    file = join(folder, 'primes.csv')
    await writeFile(file, 'n,prime\n1,2\n2,3\n')
    const options = split(start)
    node = await mesh.start('db1', { databaseArgs: ['--db', `numbers=${folder}`], args: options.slice(options.indexOf('--cache-size')) })
    await node.ready()
    // A file that has just been written might be written again within the same tick of its clock.
    await until('the file to be old enough', async () => {
      await node.rdb(['db:query', 'numbers', 'SELECT 1 AS one FROM primes'])
      return ((await counters())['sharedReadsHits'] ?? 0) > 0
    })
    for (const line of commands) results.push(await node.rdb(split(line)))
  })
  afterAll(() => mesh.stop())

  it('its commands do what they are shown to do', () => {
    expect(start).toMatch(/^rdb start --name db1 --db numbers=/)
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(results.map(() => [0, expect.any(String)]))
    expect(results).toHaveLength(3)
    expect(results.at(-1)?.stdout).toContain('Shared: a result that is held here')
  })

  it('a result is kept until a file of the folder changes', async () => {
    const query = commands[0] ?? ''
    const { 'sharedReadsHits': hits = 0 } = await counters()
    expect((await node.rdb(split(query))).stdout).toContain('2')
    expect((await counters())['sharedReadsHits']).toBe(hits + 1)
    await appendFile(file, '3,5\n4,7\n5,11\n')
    expect((await node.rdb(split(query))).stdout).toContain('5')
  })

  it('names the counters that there are', async () => {
    const names = Object.keys(await counters())
    for (const group of ['sharedReads', 'compression']) {
      expect(guide).toContain(`\`${group}\``)
      expect(names.some((name) => name.startsWith(group))).toBe(true)
    }
  })
})
