/** The interactive commands as a user meets them: in a terminal, beside a real node, and completed by the real shells. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeProcess, runRdb, TestMesh } from '../support/processes.ts'
import { isInstalled, Terminal } from '../support/terminal.ts'

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))
const missing = ['tmux', 'bash', 'zsh', 'fish'].filter((program) => !isInstalled(program))
const has = (program: string): boolean => !missing.includes(program)
// What is not tested is said, also where only failures are shown.
if (missing.length > 0) process.stderr.write(`SKIPPED: tests in a terminal need ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed\n`)

let mesh: TestMesh
let node: NodeProcess
let env: Record<string, string>

beforeAll(async () => {
  mesh = await TestMesh.create()
  node = await mesh.start('local1')
  await node.ready()
  // So that the load of this machine says nothing of its own.
  await node.drill(10, 10)
  const bin = join(mesh.folder, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'rdb'), `#!/bin/sh\nexec '${process.execPath}' '${rdbPath}' "$@"\n`)
  await chmod(join(bin, 'rdb'), 0o755)
  env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, REEDBASE_DATA_DIR: node.dataDir, XDG_STATE_HOME: join(mesh.folder, 'state'), HOME: mesh.folder, TERM: 'tmux-256color' }
})
afterAll(() => mesh.stop())

async function inTerminal(command: string, work: (terminal: Terminal) => Promise<void>, size: { columns?: number; rows?: number } = {}): Promise<void> {
  const terminal = await Terminal.open(command, { env, ...size })
  try {
    await work(terminal)
  } finally {
    await terminal.close()
  }
}

describe.runIf(has('tmux'))('rdb shell in a terminal', () => {
  it('completes, takes several lines, cancels, remembers, and ends with Ctrl-D', async () => {
    await inTerminal('rdb shell numbers; echo left with $?; cat', async (terminal) => {
      await terminal.shows(/^numbers>$/m)
      await terminal.type('sel')
      await terminal.press('Tab')
      await terminal.shows(/^numbers> select$/m)
      await terminal.type(' prime from pri')
      await terminal.press('Tab')
      await terminal.shows(/^numbers> select prime from primes$/m)
      await terminal.press('Enter')
      await terminal.shows(/^\.{7}>$/m)
      await terminal.enter('where n = 4;')
      expect(await terminal.shows('1 row, in')).toMatch(/│ +7 │/)
      await terminal.enter('select count(*) from range(1000000000000) t(i) where i % 7 = 3;')
      await terminal.shows('Ctrl-C cancels')
      await terminal.press('C-c')
      await terminal.shows(/^Cancelled\.$/m)
      // Not the shell, and in its engine.
      expect((await node.status()).load.inFlight).toBe(0)
      await terminal.type('junk')
      await terminal.press('C-c')
      await terminal.enter('begin read only;')
      await terminal.shows(/^numbers\*>$/m)
      await terminal.enter('select 6 * 7 as answer; rollback;')
      await terminal.shows('Rolled back.')
      await terminal.press('Up', 'Up', 'Up', 'Up')
      await terminal.shows(/^numbers> select prime from primes where n = 4;$/m)
      await terminal.press('C-c', 'C-d')
      await terminal.shows('left with 0')
    })
    const path = join(env['XDG_STATE_HOME'] ?? '', 'reedbase-mesh', 'shell-history')
    expect([(await readFile(path, 'utf8')).split('\n')[0], (await stat(path)).mode & 0o777]).toEqual(['select prime from primes where n = 4;', 0o600])
  })
})

describe.runIf(has('tmux'))('rdb top in a terminal', () => {
  it('is live, fits whatever size, and leaves the terminal as it was, also when killed', async () => {
    await inTerminal('echo before; rdb top --interval 200ms; echo left with $?; rdb top & wait $!; cat', async (terminal) => {
      await terminal.shows('q leave')
      await terminal.press('Right')
      await terminal.shows('State▾')
      await terminal.resize(44, 12)
      const narrow = await terminal.shows(/^rdb top {2}local1[^\n]*\n[^]*Node[^]*q leave/)
      expect(Math.max(...narrow.split('\n').map((line) => line.length))).toBeLessThanOrEqual(44)
      await terminal.press('q')
      expect(await terminal.shows('left with 0')).toMatch(/^before\n/)
    }, { columns: 100, rows: 24 })
    await inTerminal('echo before; sh -c \'echo $$ > pid; exec rdb top\'; echo left with $?; stty -a | grep -o -- "-*icanon"; cat'.replace('pid', join(mesh.folder, 'pid')), async (terminal) => {
      await terminal.shows('q leave')
      process.kill(Number(await readFile(join(mesh.folder, 'pid'), 'utf8')), 'SIGTERM')
      expect(await terminal.shows('icanon')).toBe('before\nleft with 143\nicanon')
    })
  })
})

describe('completion by the shells themselves', () => {
  it.runIf(has('fish'))('completes in fish', async () => {
    const { stdout } = await promisify(execFile)('fish', ['--no-config', '-c', 'rdb completion fish | source; complete -C "rdb db:lat"; complete -C "rdb db:nodes "; complete -C "rdb db:query numbers --format=j"'], { env: { ...process.env, ...env } })
    expect(stdout.trim().split('\n').map((line) => line.split('\t')[0])).toEqual(['db:latency', 'numbers', '--format=json', '--format=jsonl'])
  })

  it.runIf(has('tmux') && has('bash'))('completes in bash, past the colons in names', async () => {
    const script = join(mesh.folder, 'completion.bash')
    await writeFile(script, (await runRdb(['completion', 'bash'])).stdout)
    await inTerminal('bash --norc', async (terminal) => {
      await terminal.enter(`PS1='> '; source ${script}; clear`)
      await completes(terminal)
    })
  })

  it.runIf(has('tmux') && has('zsh'))('completes in zsh', async () => {
    const script = join(mesh.folder, 'completion.zsh')
    await writeFile(script, (await runRdb(['completion', 'zsh'])).stdout)
    await inTerminal('zsh -f', async (terminal) => {
      await terminal.enter(`PS1='> '; autoload -Uz compinit; compinit -u -D; source ${script}; clear`)
      await completes(terminal)
    })
  })
})

async function completes(terminal: Terminal): Promise<void> {
  await terminal.shows(/^>$/)
  await terminal.type('rdb db:lat')
  await terminal.press('Tab')
  await terminal.shows(/^> rdb db:latency$/m)
  await terminal.type(' num')
  await terminal.press('Tab')
  await terminal.shows(/^> rdb db:latency +numbers$/m)
  await terminal.type(' --wi')
  await terminal.press('Tab')
  await terminal.shows(/^> rdb db:latency +numbers +--wide$/m)
}
