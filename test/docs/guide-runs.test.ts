/** Every `sh` block of a guide is run by a test, or has a reason here why not; nothing that looks like a command hides in a block of another kind. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseNodeOptions } from '../../src/node/options.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8')
const pages = [...(await readdir(join(root, 'docs/guides'))).filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`), 'docs/deploy/README.md']

const runBy: Readonly<Record<string, string>> = {
  'docs/guides/administrator.md': 'guide-administrator',
  'docs/guides/caching.md': 'guide-caching',
  'docs/guides/command-line.md': 'guide-operations',
  'docs/guides/configuration.md': 'guide-operations',
  'docs/guides/developer.md': 'guide-developer',
  'docs/guides/http-api.md': 'guide-operations',
  'docs/guides/key-rotation.md': 'guide-operations',
  'docs/guides/latency.md': 'guide-operations',
  'docs/guides/membership.md': 'guide-commands',
  'docs/guides/monitoring.md': 'guide-operations',
  'docs/guides/parameters.md': 'guide-routing',
  'docs/guides/postgresql.md': 'guide-postgresql',
  'docs/guides/routing.md': 'guide-routing',
  'docs/guides/sql.md': 'guide-operations',
  'docs/guides/tables.md': 'guide-operations',
  'docs/guides/tracing.md': 'guide-operations',
  'docs/guides/transactions.md': 'guide-transactions',
  'docs/guides/user.md': 'guide-user',
}

/** Pages whose blocks do not run, and why. */
const notRun: Readonly<Record<string, string>> = {
  'docs/guides/partitions.md': 'the network would have to be cut; its one command is run by membership.md, and cuts by test/integration/mesh/partition.test.ts',
  'docs/deploy/README.md': 'they need root and a service manager; deploy.test.ts holds what they install to the code',
}

describe.each(pages)('%s', (page) => {
  it('its commands are run by a test that names it, or have a reason', async () => {
    const hasCommands = /^```sh$/m.test(await read(page))
    const test = runBy[page]
    expect([test !== undefined, page in notRun].filter(Boolean)).toHaveLength(hasCommands ? 1 : 0)
    if (test === undefined) return
    const [, name = ''] = /(\w[\w-]*)\.md$/.exec(page) ?? []
    expect(await read(`test/docs/${test}.test.ts`)).toMatch(new RegExp(`docs/guides/${name}\\.md|'${name}'`))
  })

  it('its blocks say what they are', async () => {
    const opening = (await read(page)).split('\n').filter((line) => line.startsWith('```')).filter((_, index) => index % 2 === 0)
    expect(opening.filter((line) => !/^```(?:sh|text|ts|json|yaml)$/.test(line))).toEqual([])
  })
})

describe('configuration that guides show', () => {
  it('is what a node takes', async () => {
    const texts = await Promise.all(pages.map(read))
    const shown = texts.flatMap((text) => [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = '']) => yaml))
    // The one for Prometheus.
    const ours = shown.filter((yaml) => !yaml.startsWith('scrape_configs'))
    expect(ours.length).toBeGreaterThan(2)
    for (const yaml of ours) expect(() => parseNodeOptions(parse(yaml) as object, '/'), yaml).not.toThrow()
  })
})
