// Real node processes for the demo: each with a data folder, a copy of the files and a log of its own.
import { spawn } from 'node:child_process'
import { copyFile, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))
// The package exports its code only; its data lie where it is installed.
const dataPath = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url))

/** Copies the two files of the database `flights` to a folder, as a replica would hold them. */
export async function copyFlights(folder) {
  await mkdir(folder, { recursive: true })
  await copyFile(join(dataPath, 'flights-3m.parquet'), join(folder, 'flights.parquet'))
  await copyFile(join(dataPath, 'airports.csv'), join(folder, 'airports.csv'))
}

/** Runs one rdb command to its end. */
export function rdb(args, { timeoutMs = 30_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [rdbPath, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text })
    child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** A node process; it logs JSON lines to its own file. */
export async function startNode({ name, dataDir, args, logPath, detached }) {
  const log = await open(logPath, 'a', 0o600)
  try {
    const child = spawn(process.execPath, [rdbPath, 'start', '--name', name, '--data-dir', dataDir, ...args], { stdio: ['ignore', log.fd, log.fd], detached })
    const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    return { name, dataDir, child, exited, pid: child.pid }
  } finally {
    await log.close()
  }
}

/** Follows membership as one node sees it, by `rdb members --watch --json`. */
export function watchEvents(dataDir, onEvent) {
  const child = spawn(process.execPath, [rdbPath, 'members', '--watch', '--json', '--data-dir', dataDir], { stdio: ['ignore', 'pipe', 'ignore'] })
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) if (line !== '') onEvent(JSON.parse(line))
  })
  return { stop: () => child.kill('SIGKILL') }
}
