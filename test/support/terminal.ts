/** A real terminal for tests, by tmux: what is typed, and what is to be seen. */
import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { until } from './processes.ts'

const run = promisify(execFile)

export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    // Whoever asks says that it is missing.
    return false
  }
}

export class Terminal {
  /** A server of its own, so that no other session is touched. */
  readonly #socket = `reedbase-test-${randomBytes(6).toString('hex')}`
  readonly #env: Readonly<Record<string, string>>

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
  }

  static async open(command: string, { columns = 100, rows = 40, env = {} }: { columns?: number; rows?: number; env?: Record<string, string> } = {}): Promise<Terminal> {
    const terminal = new Terminal(env)
    await terminal.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), command)
    await terminal.#tmux('set-option', '-g', 'remain-on-exit', 'on')
    return terminal
  }

  /** As it stands there. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', text.endsWith(';') ? `${text.slice(0, -1)}\\;` : text)
  }

  /** By tmux's names: Enter, Tab, C-c, Up. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys)
  }

  async enter(text: string): Promise<void> {
    await this.type(text)
    await this.press('Enter')
  }

  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p')).split('\n').map((line) => line.trimEnd()).join('\n').trimEnd()
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** Resolves with the screen that shows it. */
  async shows(what: string | RegExp): Promise<string> {
    let seen = ''
    try {
      return await until('the terminal', async () => {
        seen = await this.screen()
        return (typeof what === 'string' ? seen.includes(what) : what.test(seen)) ? seen : null
      }, 20_000)
    } catch (error) {
      throw new Error(`the terminal does not show ${String(what)}:\n${seen}`, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => '')
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    return (await run('tmux', ['-L', this.#socket, ...args], { env: { ...process.env, ...this.#env } })).stdout
  }
}
