/** What real rdb processes do when their output cannot be written: /dev/full stands for a full disk. */
import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeProcess, runRdb, TestMesh, until } from '../support/processes.ts'

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))
const lost = 'error: the output cannot be written: ENOSPC: no space left on device, write (ERR_OUTPUT)\nnext: Make room where the output goes, '

let mesh: TestMesh
let node: NodeProcess

beforeAll(async () => {
  mesh = await TestMesh.create()
  node = await mesh.start('local1')
  await node.ready()
  // Where the machine is busy, its own load would be a warning.
  await node.drill(5, 5)
})
afterAll(() => mesh.stop())

/** By a shell, as a user would redirect it. */
async function shell(command: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn('bash', ['-c', `rdb() { '${process.execPath}' '${rdbPath}' "$@"; }\n${command}`], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', REEDBASE_DATA_DIR: node.dataDir } })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  child.stdout.resume()
  return await new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve({ code, stderr })))
}

describe('an output that cannot be written', () => {
  it.each([
    ...['table', 'json', 'jsonl', 'csv', 'arrow'].map((format) => `db:query numbers "SELECT n FROM primes" --format ${format}`),
    'members', 'db:nodes numbers --json', 'start --help', 'version',
  ])('is an error of rdb %s', async (command) => {
    const { code, stderr } = await shell(`rdb ${command} > /dev/full`)
    expect(stderr).toContain(lost)
    expect(code).toBe(1)
  })

  it('is one too when only the first part fits', async () => {
    // The limit ends the process by a signal, at the second write of what the first left over.
    const { code } = await shell(`ulimit -c 0; ulimit -f 1; rdb db:query numbers "SELECT repeat('x', 3000)" --format csv > '${mesh.folder}/short.csv'`)
    expect(code).not.toBe(0)
  })

  it('is none when its reader has read enough', async () => {
    const { code, stderr } = await shell('set -o pipefail; rdb db:query numbers "SELECT repeat(\'x\', 1000) FROM range(5000)" --format csv | head -n 1')
    expect([code, stderr]).toEqual([0, ''])
  })

  it('does not cost the result when it is stderr', async () => {
    const { code } = await shell('rdb db:query numbers "SELECT n FROM primes" --verbose --format csv 2> /dev/full | grep -q 4')
    expect(code).toBe(0)
  })
})

describe('a log that cannot be written', () => {
  it.each(['json', 'pretty'])('does not end the node (%s)', async (format) => {
    const full = await open('/dev/full', 'w')
    const child = spawn(process.execPath, [rdbPath, 'start', '--name', 'mute', '--data-dir', `${mesh.folder}/mute-${format}`, '--listen', '127.0.0.1:0', '--log-format', format], { stdio: ['ignore', full.fd, 'pipe'] })
    await full.close()
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    try {
      const status = await until('the node to answer', async () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${stderr}`)
        const answer = await runRdb(['status', '--data-dir', `${mesh.folder}/mute-${format}`])
        return answer.code === 0 ? answer.stdout : null
      })
      expect(status).toContain('mute, alive')
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
    } finally {
      child.kill('SIGKILL')
      await ended
    }
  })
})
