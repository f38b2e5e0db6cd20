/**
 * Runs README.md as a newcomer would: every `sh` line in order, then the program, against the built `dist`. What is changed in them:
 *
 * - `/tmp/one` and `/tmp/two` become folders in a temporary one, 7400 and 7401 free ports, `npx rdb` becomes `node bin/rdb.js`;
 * - `npm` commands are not run, their scripts only have to exist;
 * - `rdb start` stays in the background, and the next line waits until it serves;
 * - once both nodes run, `rdb drill` pins what they report, so that the load of the machine that runs the tests decides nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MemberView } from '../../src/wire/control.ts'
import { freePort } from '../support/free-port.ts'
import { type CommandResult, runRdb, until } from '../support/processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = await readFile(join(root, 'README.md'), 'utf8')
const blocks = (language: string): string[] => [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code ?? '')
const lines = blocks('sh').flatMap((block) => block.split('\n')).filter((line) => line !== '' && !line.startsWith('#'))
const isNpm = (line: string): boolean => line.startsWith('npm ')
const isStart = (line: string): boolean => line.startsWith('npx rdb start ')

let folder: string
let ports: readonly [number, number]
const children = new Set<ChildProcess>()
const results: Array<{ readonly line: string; readonly result: CommandResult }> = []

function adapted(text: string): string {
  return text
    .replaceAll(/\/tmp\/(one|two)\b/g, (_, name: string) => join(folder, name))
    .replaceAll('127.0.0.1:7400', `127.0.0.1:${ports[0]}`).replaceAll('127.0.0.1:7401', `127.0.0.1:${ports[1]}`)
    .replaceAll('npx rdb ', `'${process.execPath}' '${join(root, 'bin/rdb.js')}' `)
}

function shell(command: string): { readonly child: ChildProcess; readonly ended: Promise<CommandResult>; readonly output: () => string } {
  const child = spawn('bash', ['-o', 'pipefail', '-ec', command], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
  children.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const ended = new Promise<CommandResult>((resolve, reject) => child.once('error', reject).once('close', (code) => {
    children.delete(child)
    resolve({ code, stdout, stderr })
  }))
  return { child, ended, output: () => stdout + stderr }
}

/** `exec`, so that the child is the node itself. */
async function startNode(line: string): Promise<void> {
  const { child, output } = shell(`exec ${adapted(line)}`)
  const dataDir = /--data-dir (\S+)/.exec(adapted(line))?.[1] ?? ''
  await until(`the node of "${line}"`, async () => {
    if (child.exitCode !== null) throw new Error(`"${line}" ended with ${child.exitCode}: ${output()}`)
    const runtime = await readFile(join(dataDir, 'node.json'), 'utf8').then((text) => JSON.parse(text) as { pid: number }, () => null)
    return runtime?.pid === child.pid
  })
}

const dataDirs = (): string[] => lines.filter(isStart).map((line) => /--data-dir (\S+)/.exec(adapted(line))?.[1] ?? '')

async function pinLoads(): Promise<void> {
  for (const dataDir of dataDirs()) expect((await runRdb(['drill', '--cpu', '5', '--memory', '5', '--for', '1h', '--data-dir', dataDir])).code).toBe(0)
  for (const dataDir of dataDirs()) {
    await until('the nodes to see, measure and hear each other', async () => {
      const members = JSON.parse((await runRdb(['members', '--json', '--data-dir', dataDir])).stdout) as MemberView[]
      return members.length === dataDirs().length && members.every(({ state, local, latency, load }) => state === 'alive' && load?.drill === true && (local || latency !== null))
    })
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-readme-'))
  ports = [await freePort(), await freePort()]
  let started = 0
  for (const line of lines) {
    if (isNpm(line)) continue
    if (isStart(line)) {
      await startNode(line)
      started++
      if (started === lines.filter(isStart).length) await pinLoads()
    } else {
      const result = await shell(adapted(line)).ended
      if (result.code !== 0) throw new Error(`"${line}" ended with ${result.code}: ${result.stderr}`)
      results.push({ line, result })
    }
  }
})

afterAll(async () => {
  const ended = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(ended)
  await rm(folder, { recursive: true, force: true })
})

const ran = (command: string): CommandResult[] => results.filter(({ line }) => line.startsWith(`npx rdb ${command}`)).map(({ result }) => result)

describe('README.md', () => {
  it('npm commands name scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const commands = lines.filter(isNpm).flatMap((line) => line.split(' && '))
    expect(commands).toContain('npm ci')
    for (const command of commands.filter((name) => name !== 'npm ci')) {
      expect(Object.keys(scripts), command).toContain(/^npm (?:run )?([\w:-]+)$/.exec(command)?.[1])
    }
  })

  it('both queries answer, the first one here, the second one on the other node', () => {
    const [first, second] = ran('db:query') as [CommandResult, CommandResult]
    const rows = ['{"region":"north","total":"180"}', '{"region":"south","total":"80"}']
    expect(first.stdout.trimEnd().split('\n')).toEqual(rows)
    expect(first.stderr).toBe('')
    expect(second.stdout.trimEnd().split('\n')).toEqual(rows)
    expect(blocks('text')).toHaveLength(1)
    expect(second.stderr).toContain(blocks('text')[0])
  })

  it('the tables show both nodes and the drill', () => {
    const [nodes] = ran('db:nodes') as [CommandResult]
    expect(nodes.stdout).toMatch(/one.*local.*degraded.*95/is)
    expect(nodes.stdout).toMatch(/two.*remote.*healthy/is)
    const [members] = ran('members') as [CommandResult]
    expect(members.stdout).toContain('one (this node)')
    expect(members.stdout).toContain('2 members')
  })

  it('the program prints its rows and where they came from', async () => {
    await mkdir(join(folder, 'node_modules'))
    await symlink(root, join(folder, 'node_modules', 'reedbase-mesh'), 'dir')
    const [program] = blocks('ts') as [string]
    await writeFile(join(folder, 'program.mts'), adapted(program))
    const result = await shell(`exec '${process.execPath}' program.mts`).ended
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).toMatch(/region: 'north', amount: 120n .*region: 'south', amount: 80n .*forward/s)
  })
})
