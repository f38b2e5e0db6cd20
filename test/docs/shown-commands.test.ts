/** Every command, flag, script and error code that a page shows exists. Each `rdb` command is parsed where no node runs: bad usage would end it otherwise. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isErrorCode, MeshError } from '../../src/errors.ts'
import { FakeProcess } from '../unit/cli/fake-context.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const guides = (await readdir(join(root, 'docs/guides'))).filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`)
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/deploy/README.md', ...(await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`), ...guides]
const texts = new Map(await Promise.all(pages.map(async (page) => [page, await readFile(join(root, page), 'utf8')] as const)))

const peerId = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
const noNode = (): never => { throw new MeshError('ERR_NO_NODE', 'no node runs here') }

/** Inline code, and lines of blocks with a prompt, a comment or `npx` taken off. */
function commandsOf(text: string): string[] {
  const inline = [...text.matchAll(/`(rdb [^`\n]+)`/g)].map(([, command = '']) => command)
  // All blocks, so that none begins where another ends.
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, kind = '', block = '']) => (['', 'sh'].includes(kind) ? block.split('\n') : []))
  const lines = blocks.map((line) => /^(?:\$ |npx )?(rdb [^#]+)/.exec(line)?.[1]?.trim() ?? '').filter((line) => line !== '')
  return [...new Set([...inline, ...lines])]
}

/** As a shell splits it, with something in each placeholder's place. */
function argumentsOf(command: string): string[] {
  const filled = command.replaceAll(/<[^>]*PeerId>/g, peerId).replaceAll(/<[^>]*fingerprint>/g, '0123abcd')
  const words = [...filled.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
  // What follows is the shell's.
  const end = words.findIndex(([word]) => ['>', '<', '|', '||', '&&'].includes(word))
  return words.slice(1, end < 0 ? undefined : end).map(([, quoted, single, plain]) => quoted ?? single ?? plain ?? '')
}

/** They would change this machine. */
const changing = new Set(['start', 'keys:generate', 'db:routing:config', 'db:register', 'db:unregister', 'db:measure:start', 'db:measure:restart'])
const shown = [...texts].flatMap(([page, text]) => commandsOf(text).map((command) => [page, command] as const))

describe('commands that pages show', () => {
  it('are found', () => {
    expect(shown.length).toBeGreaterThan(35)
    for (const page of ['README.md', ...guides.filter((name) => !name.endsWith('/README.md'))]) expect(shown.map(([where]) => where)).toContain(page)
  })

  it.each(shown)('%s: %s', async (_page, command) => {
    const args = argumentsOf(command)
    // A bare name speaks of the command.
    if (args.length === 1 || changing.has(args[0] ?? '')) {
      const [name = '', ...rest] = args
      const { code, stdout: own, stderr } = await new FakeProcess().run(name, '--help')
      expect([code, stderr]).toEqual([0, ''])
      // Behind --, options of the node that is started.
      const stdout = rest.includes('--') ? `${own}${(await new FakeProcess().run('start', '--help')).stdout}` : own
      expect(rest.filter((arg) => /^--\w/.test(arg) && !new RegExp(`${arg}(?![\\w-])`).test(stdout))).toEqual([])
    } else {
      const { code, stderr } = await new FakeProcess({ control: noNode, query: noNode }).run(...args)
      expect([0, 3], stderr).toContain(code)
    }
  })
})

/** Flags of npm's scripts and of other programs. */
const ofOthers = /`[^`\n]*(?:npm run|curl)[^`\n]*`|`-- [^`\n]*`|^(?:curl|npx) .*$/gm

describe('flags that guides show', () => {
  it.each(guides)('%s', async (guide) => {
    const { stdout } = await new FakeProcess().run('--help')
    const names = [...stdout.matchAll(/^ {2}([a-z]+(?::[a-z-]+)*) {2}/gm)].map(([, name]) => name ?? '')
    const help = (await Promise.all(names.map((name) => new FakeProcess().run(name, '--help')))).map((result) => result.stdout).join('\n')
    const flags = new Set([...(texts.get(guide) ?? '').replaceAll(ofOthers, '').matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag))
    expect([...flags].filter((flag) => !new RegExp(`${flag}(?![\\w-])`).test(help))).toEqual([])
  })
})

describe('scripts and error codes that pages show', () => {
  it.each(pages)('%s', async (page) => {
    const text = texts.get(page) ?? ''
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const missing = [
      ...[...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name).filter((name) => !(name in scripts)),
      ...[...text.matchAll(/node (scripts\/[\w/.-]+\.m?[jt]s)/g)].map(([, path = '']) => path).filter((path) => !existsSync(join(root, path))),
      ...[...text.matchAll(/\bERR_[A-Z_]*[A-Z]\b/g)].map(([code]) => code).filter((code) => !isErrorCode(code)),
    ]
    expect(missing).toEqual([])
  })
})
