/** What was typed in earlier shells: a file of the user's own, since statements hold data. The latest 1,000, one a line. */
import { appendFile, chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const HISTORY_ENTRIES_MAX = 1_000
export const HISTORY_ENTRY_CHARACTERS_MAX = 10_000
/** A file longer than that is not one of ours. */
const fileBytesMax = 4 * HISTORY_ENTRIES_MAX * HISTORY_ENTRY_CHARACTERS_MAX

/** In the folder for what programs remember (XDG_STATE_HOME). */
export function historyPath(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_STATE_HOME'] ?? ''
  const home = env['HOME'] ?? ''
  // The convention ignores a relative path.
  return join(given.startsWith('/') ? given : join(home === '' ? homedir() : home, '.local', 'state'), 'reedbase-mesh', 'shell-history')
}

export class ShellHistory {
  readonly #path: string
  #last: string | null = null

  private constructor(path: string) {
    this.#path = path
  }

  /** With the entries, the latest first. @throws the file system's error */
  static async open(path: string): Promise<{ readonly history: ShellHistory; readonly entries: string[] }> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const history = new ShellHistory(path)
    const found = await stat(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    })
    if (found === null) return { history, entries: [] }
    if (!found.isFile() || found.size > fileBytesMax) throw new Error(`${path} is no history of a shell`)
    // One that somebody has made readable for others is taken back.
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o600)
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '' && line.length <= HISTORY_ENTRY_CHARACTERS_MAX)
    const kept = lines.slice(-HISTORY_ENTRIES_MAX)
    if (lines.length > 2 * HISTORY_ENTRIES_MAX) await replace(path, kept)
    history.#last = kept.at(-1) ?? null
    return { history, entries: kept.reverse() }
  }

  /** A line of its own for each, so that shells beside each other lose nothing. Not what repeats the last, is too long, or begins with a space. */
  async add(entry: string): Promise<void> {
    if (!isKept(entry) || entry === this.#last) return
    this.#last = entry
    await appendFile(this.#path, `${entry}\n`, { mode: 0o600 })
  }
}

export function isKept(entry: string): boolean {
  return entry !== '' && !entry.startsWith(' ') && !entry.includes('\n') && entry.length <= HISTORY_ENTRY_CHARACTERS_MAX
}

/** One line; null where its line comments would swallow what follows them. */
export function asOneLine(sql: string): string | null {
  const lines = sql.split('\n')
  // Within a text a line break is data.
  if (lines.length > 1 && /--|'[^']*\n|\$\$/.test(sql)) return null
  return lines.map((line, index) => (index === 0 ? line.trimEnd() : line.trim())).filter((line) => line !== '').join(' ')
}

async function replace(path: string, lines: readonly string[]): Promise<void> {
  const made = `${path}.${process.pid}`
  await writeFile(made, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 })
  await rename(made, path)
}
