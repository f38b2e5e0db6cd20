/**
 * Runs the commands of a guide as its reader would: each `sh` block is a script of bash, in order, at one place. A `text` block behind it shows what comes
 * out; its lines have to come in that order in what really came, with any figures. Others may stand between them.
 */
import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CommandResult } from './processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface GuideBlock {
  readonly script: string
  /** What the guide shows of its output; null where it shows nothing. */
  readonly shown: string | null
}

export async function guideBlocks(page: string): Promise<GuideBlock[]> {
  const text = await readFile(join(root, page), 'utf8')
  const fenced = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 0: whole, 1: kind = '', 2: content = '', index }) => ({ kind, content, start: index, end: index + whole.length }))
  return fenced.flatMap(({ kind, content, end }, index) => {
    const next = fenced[index + 1]
    // Under another heading it shows something else.
    const isShown = next?.kind === 'text' && !/^#/m.test(text.slice(end, next.start))
    return kind === 'sh' ? [{ script: content, shown: isShown ? next.content : null }] : []
  })
}

export interface GuideShellOptions {
  /** Where the scripts run. */
  readonly folder: string
  readonly dataDir?: string
  /** What stands in the guide, and what has its place in the test: ports, mostly. */
  readonly replacements?: ReadonlyArray<readonly [string, string]>
}

export class GuideShell {
  readonly #options: GuideShellOptions
  readonly #binFolder: string

  private constructor(options: GuideShellOptions, binFolder: string) {
    this.#options = options
    this.#binFolder = binFolder
  }

  static async create(options: GuideShellOptions): Promise<GuideShell> {
    const binFolder = join(options.folder, 'bin')
    await mkdir(binFolder, { recursive: true })
    await writeFile(join(binFolder, 'rdb'), `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/rdb.js')}' "$@"\n`)
    await chmod(join(binFolder, 'rdb'), 0o755)
    return new GuideShell(options, binFolder)
  }

  async run(script: string): Promise<CommandResult> {
    const { folder, dataDir, replacements = [] } = this.#options
    const adapted = replacements.reduce((text, [shown, real]) => text.replaceAll(shown, real), script)
    const env = { ...process.env, NO_COLOR: '1', PATH: `${this.#binFolder}:${process.env['PATH'] ?? ''}`, ...(dataDir === undefined ? {} : { REEDBASE_DATA_DIR: dataDir }) }
    const child = spawn('bash', ['-o', 'pipefail', '-euc', adapted], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    return await new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => { resolve({ code, stdout, stderr }) }))
  }
}

/** Figures, times, paths and drawn lines are the machine's affair. */
function lineForm(line: string): string {
  if (/^[┌├└]/.test(line)) return ''
  return line.replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '#').replaceAll(/\b[0-9a-f]{16}\b/g, 'key').replaceAll(/\b\d[\d.,:]*\s?(?:µs|ms|s|m|h|%|GB|MB|kB|B)?(?: ago)?\b%?/g, '#').replaceAll(/\bnow\b/g, '#').replaceAll(/#(?: #)+/g, '#').replaceAll(/[\w./~-]*\/[\w./-]+/g, '/').replaceAll(/\s+/g, ' ').trim()
}

/** The lines that are shown and did not come, on either stream in the order in which they are shown. What `alike` matches may be any of what it matches. */
export function missingLines(shown: string, result: CommandResult, alike?: RegExp): string[] {
  const formOf = (line: string): string => lineForm(alike === undefined ? line : line.replaceAll(alike, '#'))
  const streams = [result.stdout, result.stderr].map((text) => ({ lines: text.split('\n').map(formOf), from: 0 }))
  return shown.split('\n').filter((line) => {
    const form = formOf(line)
    if (form === '' || form === '…') return false
    for (const stream of streams) {
      const at = stream.lines.indexOf(form, stream.from)
      if (at < 0) continue
      stream.from = at + 1
      return false
    }
    return true
  })
}
