/** Completion by the real shells of what a hostile member might call itself, offered by an `rdb` that lets it through: it stands there and is never run. */
import { execFileSync } from 'node:child_process'
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completionScripts, type ShellName } from '../../src/cli/completion/scripts.ts'
import { until } from '../support/processes.ts'
import { isInstalled, Terminal } from '../support/terminal.ts'

const missing = ['tmux', 'bash', 'zsh', 'fish'].filter((program) => !isInstalled(program))
if (missing.length > 0) process.stderr.write(`SKIPPED: completion of hostile names needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed\n`)

const names = ['web$(touch ran)', 'sub`touch ran`', 'end;touch ran', 'and&touch ran', 'var${HOME}', 'esc\\a:b', 'quo\'te"s', 'glob*?[a]', 'red>ran']
const starts: Record<ShellName, (script: string) => string> = {
  bash: (script) => `PS1='> '; source ${script}; clear`,
  zsh: (script) => `PS1='> '; autoload -Uz compinit; compinit -u -D; source ${script}; clear`,
  fish: (script) => `function fish_prompt; echo '> '; end; source ${script}; clear`,
}
const commands: Record<ShellName, string> = { bash: 'bash --norc', zsh: 'zsh -f', fish: 'fish --no-config' }

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-completion-'))
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'offers'), names.map((name) => `${name}\ta member called ${name}\n`).join(''))
  await writeFile(join(folder, 'bin', 'rdb'), `#!/bin/sh
if [ "$1" != complete ]; then printf '%s\\n' "$2" > '${folder}/given'; exit; fi
for current; do :; done
while read -r offer; do case "$offer" in "$current"*) printf '%s\\n' "$offer" ;; esac; done < '${folder}/offers'
`)
  await chmod(join(folder, 'bin', 'rdb'), 0o755)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(['bash', 'zsh', 'fish'] as const)('a hostile name in %s', (shell) => {
  it.runIf(isInstalled('tmux') && isInstalled(shell))('is completed as it is, and not run', async () => {
    const script = join(folder, `completion.${shell}`)
    await writeFile(script, completionScripts[shell])
    const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder, TERM: 'tmux-256color' }
    const terminal = await Terminal.open(`cd ${folder}; ${commands[shell]}`, { env })
    try {
      await terminal.enter(starts[shell](script))
      await terminal.shows(/^>$/)
      for (const name of names) {
        await rm(join(folder, 'given'), { force: true })
        await terminal.type(`rdb rtt ${name.slice(0, 3)}`)
        await terminal.press('Tab')
        await terminal.shows(/rdb rtt \S{4}/)
        await terminal.enter('')
        const given = await until('the command', () => readFile(join(folder, 'given'), 'utf8').then((text) => (text === '' ? null : text), () => null))
        expect(given).toBe(`${name}\n`)
        await terminal.enter('clear')
        await terminal.shows(/^>$/)
      }
      await expect(access(join(folder, 'ran'))).rejects.toThrow('ENOENT')
    } finally {
      await terminal.close()
    }
  })
})

it.runIf(isInstalled('bash'))('the script of bash has no syntax that bash refuses', () => {
  expect(execFileSync('bash', ['-n', '-c', completionScripts.bash], { encoding: 'utf8' })).toBe('')
})
