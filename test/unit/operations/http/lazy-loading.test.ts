import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

/** Packages that a module loads with it, through all modules that it imports at once. */
async function packagesOf(path: string, seen = new Set<string>(), packages = new Set<string>()): Promise<Set<string>> {
  if (seen.has(path)) return packages
  seen.add(path)
  for (const [, what = '', from = ''] of (await readFile(path, 'utf8')).matchAll(/^(?:import|export) ([^'\n]*(?:\n[^'\n]*)*?from )?'([^']+)'/gm)) {
    if (what.startsWith('type ')) continue
    if (from.startsWith('.')) await packagesOf(join(dirname(path), from), seen, packages)
    else packages.add(from)
  }
  return packages
}

it('a node without HTTP loads nothing of it', async () => {
  const packages = await packagesOf('src/operations/start-operated-node.ts')
  expect(packages).toContain('zod')
  expect([...packages].filter((name) => /^(?:fastify|csv-stringify)/.test(name))).toEqual([])
  expect(await packagesOf('src/operations/http/http-server.ts')).toContain('fastify')
})

it('a node loads neither YAML without a file, nor a parser of CSV without rows, nor what Linux tells without it', async () => {
  for (const path of ['src/cli/commands/start.ts', 'src/node/options.ts', 'src/operations/start-operated-node.ts', 'src/operations/tables/start-tables.ts', 'src/operations/metrics/start-metrics.ts']) {
    const packages = await packagesOf(path)
    expect([path, [...packages].filter((name) => /^(?:yaml|csv-parse|systeminformation)/.test(name))]).toEqual([path, []])
  }
})
