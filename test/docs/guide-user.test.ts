/** Runs docs/guides/user.md at the first of three nodes whose loads are pinned, so that the machine decides no route. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GuideBlock, guideBlocks, GuideShell, missingLines } from '../support/guide-shell.ts'
import { type CommandResult, TestMesh, until } from '../support/processes.ts'

const page = 'docs/guides/user.md'
const blocks = await guideBlocks(page)
/** It finds what is wrong with the machine that runs the tests. */
const isJudgement = ({ script }: GuideBlock): boolean => script.includes('rdb doctor')

const ran: Array<{ readonly block: GuideBlock; readonly result: CommandResult }> = []
let mesh: TestMesh

beforeAll(async () => {
  mesh = await TestMesh.create()
  const data = join(mesh.folder, 'users')
  await mkdir(data)
  await writeFile(join(data, 'users.csv'), 'id,name,city\n1,Ada,London\n2,Grace,New York\n3,Edsger,Austin\n')
  const nodes = await mesh.startAll(['db1', 'db2', 'db3'], { databaseArgs: ['--db', `users_prod=${data},threads=1`] })
  for (const node of nodes) await node.drill(12, 40)
  const [first] = nodes
  await until('the first node to hear of all loads', async () => (await first?.members())?.every(({ load }) => load?.drill === true))
  const shell = await GuideShell.create({ folder: mesh.folder, dataDir: first?.dataDir ?? '' })
  for (const block of blocks) ran.push({ block, result: await shell.run(block.script) })
})
afterAll(() => mesh.stop())

describe(page, () => {
  it('its commands end well', () => {
    expect(ran.length).toBeGreaterThan(12)
    for (const { block, result: { code, stderr } } of ran) expect([block.script, isJudgement(block) ? [0, 1].includes(code ?? -1) : code, stderr]).toEqual([block.script, isJudgement(block) ? true : 0, expect.any(String)])
  })

  it('what it shows comes out', () => {
    const shown = ran.filter(({ block }) => block.shown !== null)
    expect(shown.length).toBeGreaterThan(6)
    for (const { block, result } of shown) expect([block.script, missingLines(block.shown ?? '', result, /\bdb[23]\b/g)], `${result.stdout}${result.stderr}`).toEqual([block.script, []])
  })

  it('its answers are the data', () => {
    const stdout = ran.map(({ result }) => result.stdout).join('')
    expect(stdout).toContain('{"name":"Grace"}\n')
    expect(stdout).toContain('{"people":3}\n')
    expect(stdout).toMatch(/│ users │ id, name, city +│/)
    expect(stdout).toMatch(/Routing Decision: Local \(db1\)/)
  })
})
