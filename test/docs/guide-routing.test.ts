/** Runs docs/guides/routing.md and docs/guides/parameters.md: every `sh` line in order, at the first of three nodes whose loads are pinned, so that the machine decides no route. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STRATEGY_NAMES } from '../../src/core/routing/strategies/registry.ts'
import { type CommandResult, TestMesh, until } from '../support/processes.ts'

const read = (name: string): Promise<string> => readFile(join(fileURLToPath(new URL('../..', import.meta.url)), `docs/guides/${name}.md`), 'utf8')
const commandsOf = (text: string): string[] => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'))
const guide = await read('routing')
const parameterLines = commandsOf(await read('parameters'))
const lines = [...commandsOf(guide), ...parameterLines]
const [shownQuiet = '', shownOverloaded = ''] = [...guide.matchAll(/^```text\n(.*?)^```$/gms)].map(([, text = '']) => text)
/** Which of two peers that are as near, and how near, is the machine's affair. */
const formOf = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !/^[│┌├└]/.test(line)).map((line) => line.replace(/db[23] \(.*?latency\)/, 'a peer'))

const results: Array<CommandResult & { readonly line: string }> = []
let mesh: TestMesh

beforeAll(async () => {
  mesh = await TestMesh.create()
  const nodes = await mesh.startAll(['db1', 'db2', 'db3'])
  const [first] = nodes
  for (const node of nodes) expect((await node.rdb(['drill', '--cpu', '12', '--memory', '40', '--for', '1h'])).code).toBe(0)
  await until('the first node to hear of all loads', async () => (await first?.members())?.every(({ load }) => load?.drill === true))
  for (const line of lines) {
    const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1)
    // The real load of this machine is nothing to show.
    if (line === 'rdb drill --end') args.splice(1, 1, '--cpu', '12', '--memory', '40')
    results.push({ line, ...await first?.rdb(args) as CommandResult })
  }
})
afterAll(() => mesh.stop())

const outputsOf = (start: string): string[] => results.filter(({ line }) => line.startsWith(start)).map(({ stdout }) => stdout)
const columnsOf = (text: string): string[] => text.split('\n').find((line) => line.startsWith('│'))?.split('│').map((title) => title.trim()).filter((title) => title !== '') ?? []

describe('docs/guides/routing.md', () => {
  it('its commands do what they are shown to do', () => {
    expect(results.length).toBeGreaterThan(9)
    expect(lines.filter((line) => !line.startsWith('rdb '))).toEqual([])
    for (const { line, code, stderr } of results) expect([line, code, stderr]).toEqual([line, 0, expect.any(String)])
  })

  it('what it shows of a decision has the form of the real one', () => {
    const [quiet = '', overloaded = '', hinted = ''] = outputsOf('rdb db:explain-route')
    for (const [real, shown] of [[quiet, shownQuiet], [overloaded, shownOverloaded]] as const) {
      expect(formOf(real)).toEqual(formOf(shown))
      expect(columnsOf(real)).toEqual(columnsOf(shown))
    }
    expect(columnsOf(quiet).length).toBeGreaterThan(8)
    expect(hinted).toMatch(/Routing Decision: Forwarded to db[23][^]*Strategy: peak-ewma/)
  })

  it('a hint sends a query elsewhere', () => {
    const notice = results.find(({ line }) => line.includes('prefer-remote'))?.stderr
    expect(notice).toMatch(/^Query forwarded to db[23]/)
  })

  it('the counters that it names are there', () => {
    const { counters } = JSON.parse(outputsOf('rdb status --json')[0] ?? '{}') as { counters: Record<string, number> }
    const named = [...guide.matchAll(/`((?:queue|queries)[A-Z]\w*)`/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(4)
    expect(named.filter((name) => counters[name] === undefined)).toEqual([])
  })

  it('it speaks of every strategy', () => {
    expect(STRATEGY_NAMES.filter((name) => !guide.includes(`| \`${name}\``))).toEqual([])
  })
})

describe('docs/guides/parameters.md', () => {
  it('its parameters arrive as it says', () => {
    const outputs = results.filter(({ line }) => parameterLines.includes(line)).map(({ stdout }) => stdout)
    expect(outputs).toEqual(['{"n":4}\n', '{"price":"12.340","day":"2024-05-06"}\n', '{"n":1}\n{"n":2}\n'])
  })
})
