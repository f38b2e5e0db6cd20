/** Runs docs/guides/administrator.md in an empty folder: its blocks in order, the nodes that they start and end included. Its ports become free ones. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { type GuideBlock, guideBlocks, GuideShell, missingLines } from '../support/guide-shell.ts'
import type { CommandResult } from '../support/processes.ts'

const page = 'docs/guides/administrator.md'

/** The beginning of a block, and why it does not run here. */
const notRun: ReadonlyArray<readonly [string, string]> = [
  ['nft add rule', 'root, and it would change the firewall of this machine'],
]
const isRun = ({ script }: GuideBlock): boolean => !notRun.some(([start]) => script.startsWith(start))
/** It finds what is wrong with the machine that runs the tests. */
const isJudgement = ({ script }: GuideBlock): boolean => script.includes('rdb doctor')

const blocks = await guideBlocks(page)
const ran: Array<{ readonly block: GuideBlock; readonly result: CommandResult }> = []
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-administrator-'))
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()]
  const newKey = `"$(rdb keys:list --json | '${process.execPath}' -p 'JSON.parse(fs.readFileSync(0)).find((key) => !key.inUse).fingerprint')"`
  const shell = await GuideShell.create({ folder, replacements: [['<fingerprint>', newKey], ...['.1:7400', '.1:7401', '.1:7480', '.1:7481'].map((shown, index) => [shown, `.1:${ports[index]}`] as const), ['0.0.0.0:7481', `0.0.0.0:${ports[3]}`]] })
  for (const block of blocks.filter(isRun)) ran.push({ block, result: await shell.run(block.script) })
})

afterAll(async () => {
  // Where a block failed before the one that ends them.
  for (const name of ['one', 'two']) {
    const pid = await readFile(join(folder, name, 'node.json'), 'utf8').then((text) => (JSON.parse(text) as { pid: number }).pid, () => null)
    if (pid !== null) process.kill(pid, 'SIGKILL')
  }
  await rm(folder, { recursive: true, force: true })
})

describe(page, () => {
  it('its commands end well', () => {
    expect(ran.length).toBeGreaterThan(10)
    for (const { block, result: { code, stdout, stderr } } of ran) expect([block.script, isJudgement(block) && code === 1 ? 0 : code], `${stdout}${stderr}`).toEqual([block.script, 0])
  })

  it('each block that does not run has a reason, and each reason a block', () => {
    expect(notRun.filter(([start]) => !blocks.some(({ script }) => script.startsWith(start)))).toEqual([])
    expect(blocks.length - ran.length).toBe(notRun.length)
  })

  it('what it shows comes out', () => {
    const shown = ran.filter(({ block }) => block.shown !== null)
    expect(shown.length).toBeGreaterThan(2)
    for (const { block, result } of shown) expect([block.script, missingLines(block.shown ?? '', result)], `${result.stdout}${result.stderr}`).toEqual([block.script, []])
  })

  it('the rotation reaches both nodes, and nothing is left running', async () => {
    const keys = ran.find(({ block }) => block.script.includes('keys:use'))?.result.stdout ?? ''
    const [here, there] = [/│ this node │ (\w+) │ (\w+)/, /│ db2 +│ (\w+) │ (\w+)/].map((form) => form.exec(keys)?.slice(1))
    expect(here).toHaveLength(2)
    expect(there).toEqual(here)
    for (const name of ['one', 'two']) expect(await readdir(join(folder, name))).not.toContain('node.sock')
  })
})
