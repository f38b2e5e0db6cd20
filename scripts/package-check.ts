/**
 * Makes the package, installs it in an empty folder as a user would, and uses it: the command, a node with a query, the library, its types.
 *
 *     npm run package [-- --json]
 *
 * Prints its size, what an installation takes, and how long its commands take to start. Exits 1 when anything of it fails, or when
 * the package holds what is of no use to its users.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readFlags } from './flags.ts'

const { values: flags } = readFlags('npm run package [-- --json]\n\n  --json  figures as JSON', { options: { json: { type: 'boolean', default: false } } })
const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'reedbase-package-'))
const app = join(folder, 'app')
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
// The Node that runs this, also for the installed command.
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }

interface PackedFile { readonly path: string; readonly size: number }

/** What only whoever works on the package has a use for. */
const devFile = /^(src|test|scripts|\.ci)\/|\.map$|\.tsbuildinfo$|(^|\/)tsconfig.*\.json$|\.test\./

async function main(): Promise<void> {
  say('packing')
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: repository, env, maxBuffer: 64 << 20 })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as ReadonlyArray<{ readonly filename: string; readonly size: number; readonly unpackedSize: number; readonly files: readonly PackedFile[] }>
  if (packed === undefined) throw new Error('npm pack made nothing')
  const odd = packed.files.filter(({ path }) => devFile.test(path)).map(({ path }) => path)
  if (odd.length > 0) throw new Error(`the package holds development files: ${odd.slice(0, 5).join(', ')}${odd.length > 5 ? ` and ${odd.length - 5} more` : ''}`)

  say('installing it in an empty folder')
  await mkdir(join(app, 'data', 'numbers'), { recursive: true })
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  await writeFile(join(app, 'data/numbers/primes.csv'), 'n,prime\n1,2\n2,3\n3,5\n')
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, packed.filename)], { cwd: app, env, maxBuffer: 64 << 20 })
  const { stdout: size } = await run('du', ['-sk', 'node_modules'], { cwd: app })
  const rdb = join(app, 'node_modules/.bin/rdb')

  say('the command')
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { readonly version: string }
  expect('rdb version', (await run(rdb, ['version'], { cwd: app, env })).stdout.includes(version))
  await withNode(rdb, async () => {
    const answered = await run(rdb, ['db:query', 'numbers', 'SELECT sum(prime) AS total FROM primes', '--format', 'json'], { cwd: app, env })
    expect('a query', answered.stdout.includes('10'))
  })

  say('the library and its types')
  await writeFile(join(app, 'use.ts'), `import { createNode, MeshError, type MeshNode, type QueryResult } from 'reedbase-mesh'
const node: MeshNode = await createNode({ dataDir: 'library', listen: '127.0.0.1:0', databases: { numbers: './data/numbers' } })
const result: QueryResult = await node.query('SELECT max(prime) AS most FROM primes', { database: 'numbers' })
for await (const row of result.rows()) console.log(row)
await node.stop('done')
export const isError = (error: unknown): boolean => error instanceof MeshError
`)
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '--noEmit', '--strict', '--skipLibCheck', 'false', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--typeRoots', join(repository, 'node_modules/@types'), 'use.ts'], { cwd: app, env })
    .catch((error: unknown) => { throw new Error(`the types do not compile:\n${(error as { readonly stdout: string }).stdout.slice(0, 4_000)}`) })
  expect('the library', (await run(process.execPath, ['use.ts'], { cwd: app, env })).stdout.includes('most: 5'))

  const figures = {
    packageBytes: packed.size, unpackedBytes: packed.unpackedSize, files: packed.files.length, installedBytes: Number.parseInt(size, 10) * 1024,
    bareNodeMs: await quickest(process.execPath, ['-e', '0']), versionMs: await quickest(rdb, ['version']), helpMs: await quickest(rdb, ['--help']),
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else {
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
    process.stdout.write(`package ${megabytes(figures.packageBytes)}, unpacked ${megabytes(figures.unpackedBytes)} in ${figures.files} files, installed with its dependencies ${megabytes(figures.installedBytes)}\n`)
    process.stdout.write(`start-up, the quickest of five: node -e 0 ${Math.round(figures.bareNodeMs)} ms, rdb version ${Math.round(figures.versionMs)} ms, rdb --help ${Math.round(figures.helpMs)} ms\n`)
  }
}

function expect(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what} does not work from the package`)
}

async function withNode(rdb: string, use: () => Promise<void>): Promise<void> {
  const node = spawn(rdb, ['start', '--listen', '127.0.0.1:0', '--http-listen', 'off', '--db', 'numbers=./data/numbers', '--log-format', 'json'], { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => node.once('exit', resolve))
  try {
    let log = ''
    await new Promise<void>((resolve, reject) => {
      node.stdout.setEncoding('utf8').on('data', (text: string) => {
        log += text
        if (log.includes('listens on')) resolve()
      })
      void ended.then((code) => { reject(new Error(`the node ended with ${code}: ${log}`)) })
    })
    await use()
  } finally {
    node.kill('SIGTERM')
  }
  expect('stopping', await ended === 0)
}

async function quickest(command: string, args: readonly string[]): Promise<number> {
  let bestMs = Infinity
  for (let i = 0; i < 5; i++) {
    const startedMs = performance.now()
    await run(command, [...args], { cwd: app, env })
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  return bestMs
}

try {
  await main()
} catch (error) {
  say(`package: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
