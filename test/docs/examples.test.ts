/** Runs docs/examples against the built `dist`: each prints what its last lines say, and ends by itself. */
import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../docs/examples', import.meta.url))
const names = await readdir(folder)

async function run(name: string): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  // The program is TypeScript, whose types Node takes off; older ones say that this is experimental.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(folder, name)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), 45_000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  clearTimeout(timer)
  return { code, stdout, stderr }
}

describe('docs/examples', () => {
  it('are the three that the guide speaks of', async () => {
    const guide = await readFile(join(folder, '../guides/library.md'), 'utf8')
    expect([...new Set([...guide.matchAll(/\.\.\/examples\/([\w-]+\.ts)/g)].map(([, name]) => name))].toSorted()).toEqual(names.toSorted())
    expect(names).toHaveLength(3)
  })

  it.each(names)('%s prints what it says, and ends', async (name) => {
    const [, promised = ''] = /\n\/\/ Prints:\n((?:\/\/ .*\n)+)$/.exec(await readFile(join(folder, name), 'utf8')) ?? []
    expect(promised).not.toBe('')
    expect(await run(name)).toEqual({ code: 0, stdout: promised.replaceAll(/^\/\/ /gm, ''), stderr: '' })
  })
})
