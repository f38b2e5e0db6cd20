/**
 * Runs the pages for administrators that have no test of their own. First configuration.md, whose commands start a node in the background; then, at
 * that node with a second one beside it, the others side by side. Ports become free ones.
 */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callControlOnce } from '../../src/client/control.ts'
import type { MemberView, NodeStatusView } from '../../src/wire/control.ts'
import { type GuideBlock, guideBlocks, GuideShell, missingLines } from '../support/guide-shell.ts'
import { type CommandResult, TestMesh, until } from '../support/processes.ts'

const pages = ['configuration', 'monitoring', 'http-api', 'tables', 'sql', 'tracing', 'command-line', 'latency', 'key-rotation'] as const

/** latency.md and sql.md show a mesh that is larger, busy, not well, and has run for longer. */
const illustrated = /^(?:│ (?:local1|remote\d|reedbase_\w+) .*|remote\d: .*)\n/gm

/** The beginning of a block, and why it does not run here. */
const notRun: ReadonlyArray<readonly [string, string]> = [
  ...spawnSync('promtool', ['--version']).error === undefined ? [] : [['curl -s http://127.0.0.1:7480/metrics | promtool', 'promtool is not installed'] as const],
]
const isRun = ({ script }: GuideBlock): boolean => !notRun.some(([start]) => script.startsWith(start))

const ran: Array<{ readonly page: string; readonly block: GuideBlock; readonly result: CommandResult }> = []
let mesh: TestMesh
let dataDir: string

async function runPage(page: string, shell: GuideShell): Promise<void> {
  for (const block of (await guideBlocks(`docs/guides/${page}.md`)).filter(isRun)) ran.push({ page, block, result: await shell.run(block.script) })
}

beforeAll(async () => {
  mesh = await TestMesh.create()
  dataDir = join(mesh.folder, 'local1')
  await mkdir(dataDir, { mode: 0o700 })
  await cp(join(mesh.folder, 'key', 'keyring'), join(dataDir, 'keyring'))
  for (const name of ['users', 'orders']) {
    await mkdir(join(mesh.folder, name))
    await writeFile(join(mesh.folder, name, `${name}.csv`), 'id,name\n1,Ada\n2,Grace\n')
  }
  await runPage('configuration', await GuideShell.create({ folder: mesh.folder, dataDir, replacements: [['--seed 10.0.0.1:7400', '--listen 127.0.0.1:0 --http-listen 127.0.0.1:0']] }))
  // The load of this machine is nothing to show.
  await callControlOnce({ dataDir }, { method: 'drill-start', cpuPercent: 12, memoryPercent: 40, forMs: 3_600_000 })
  const status = await until('HTTP of local1', async () => {
    const view = await callControlOnce({ dataDir }, { method: 'status' }) as NodeStatusView
    return view.http === null ? null : view
  })
  const second = await mesh.start('local2', { seeds: [status.listen.tcpMultiaddrs[0] ?? ''], databaseArgs: ['--db', `users_prod=${join(mesh.folder, 'users')},threads=1`] })
  await second.ready()
  await until('local1 to measure local2', async () => (await callControlOnce({ dataDir }, { method: 'members' }) as MemberView[]).some(({ state, latency }) => state === 'alive' && latency !== null))
  const newKey = `"$(rdb keys:list --json | '${process.execPath}' -p 'JSON.parse(fs.readFileSync(0)).find((key) => !key.inUse).fingerprint')"`
  const shell = await GuideShell.create({ folder: mesh.folder, dataDir, replacements: [['http://127.0.0.1:7480', status.http ?? ''], ['<fingerprint>', newKey], ['<old fingerprint>', newKey]] })
  // They only look, but for the last, which changes nothing that the others see.
  await Promise.all(pages.filter((name) => name !== 'configuration').map((page) => runPage(page, shell)))
})

afterAll(async () => {
  const pid = await readFile(join(dataDir, 'node.json'), 'utf8').then((text) => (JSON.parse(text) as { pid: number }).pid, () => null)
  if (pid !== null) process.kill(pid, 'SIGKILL')
  await mesh.stop()
})

describe.each(pages)('docs/guides/%s.md', (page) => {
  const own = (): typeof ran => ran.filter((entry) => entry.page === page)

  it('its commands end well', () => {
    expect(own().length).toBeGreaterThan(0)
    for (const { block, result: { code, stdout, stderr } } of own()) expect([block.script, code], `${stdout}${stderr}`).toEqual([block.script, 0])
  })

  it('what it shows comes out', () => {
    for (const { block, result } of own()) expect([block.script, missingLines((block.shown ?? '').replaceAll(illustrated, ''), result)], `${result.stdout}${result.stderr}`).toEqual([block.script, []])
  })
})
