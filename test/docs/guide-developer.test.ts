/** docs/guides/developer.md: its command runs in this checkout, its test is the one in the suites, its strategy scores as it says. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guideBlocks } from '../support/guide-shell.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = 'docs/guides/developer.md'
const guide = await readFile(join(root, page), 'utf8')
const [exampleTest = '', exampleStrategy = '', ...furtherCode] = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '')

/** The beginning of a block of the other standing page, and why it does not run here. */
const notRun: ReadonlyArray<readonly [string, string]> = [['npm ci', 'these are what runs this test']]

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-developer-')) })
afterAll(() => rm(folder, { recursive: true, force: true }))

describe(page, () => {
  it('its commands run', async () => {
    const blocks = await guideBlocks(page)
    expect(blocks.length).toBeGreaterThan(0)
    for (const { script } of blocks) {
      // Not a part of the run that this is in.
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')))
      const { status, stdout, stderr } = spawnSync('bash', ['-euc', script], { cwd: root, encoding: 'utf8', env: { ...env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` } })
      expect([script, status], `${stdout}${stderr}`).toEqual([script, 0])
    }
  })

  it('its test is the one that runs among the others', async () => {
    expect(exampleTest).toBe(await readFile(join(root, 'test/unit/core/routing/decide-example.test.ts'), 'utf8'))
    expect(furtherCode).toEqual([])
  })

  it('its strategy prefers clean power', async () => {
    await mkdir(join(folder, 'node_modules'))
    await symlink(root, join(folder, 'node_modules', 'reedbase-mesh'), 'dir')
    const peers = "['north', 'south'].map((datacenter) => ({ site: { datacenter, rack: '' }, inFlightThere: 0, inFlightFromHere: 0, loadAgeMs: 0, latencyMs: 1, feedback: null, capacity: 1 }))"
    await writeFile(join(folder, 'strategy.mts'), `${exampleStrategy}\nconsole.log([...greenest.score(${peers} as never, { options: { loadHalfLifeMs: 5000 }, nowMs: 0, site: { datacenter: '', rack: '' } } as never)])\n`)
    const { stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'strategy.mts'], { cwd: folder, encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['[ 20, 400 ]\n', ''])
  })

  it('the paths that it and CONTRIBUTING.md name are there', async () => {
    const text = `${guide}${await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')}`
    const named = [...text.matchAll(/`((?:src|test|docs|scripts)\/[\w/.-]+)`/g)].map(([, path = '']) => path)
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})

describe('CONTRIBUTING.md', () => {
  it('each block that does not run has a reason', async () => {
    const blocks = await guideBlocks('CONTRIBUTING.md')
    expect(blocks.filter(({ script }) => !notRun.some(([start]) => script.startsWith(start)))).toEqual([])
    expect(blocks).toHaveLength(notRun.length)
  })
})
