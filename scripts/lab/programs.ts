/** The two programs that the lab compares: how each is started on a host, and how its log is read. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Said, Sighting } from './sightings.ts'

export type System = 'mesh' | 'serf'

export interface Program {
  readonly system: System
  readonly port: number
  readonly leaveSignal: NodeJS.Signals
  /** `isNew`: as a host that has never been here, without what an earlier process has left on its disk. */
  command(host: number, addresses: { readonly own: string; readonly seed: string | null; readonly isNew: boolean }): readonly string[]
  /** Null for a line that says nothing about a member. */
  read(line: string): Said | null
}

/** Of the checkout that this file lies in; `npm run lab` builds it first. */
const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))

export function createMeshProgram(folder: string): Program {
  const keyFolder = join(folder, 'key')
  execFileSync(process.execPath, [rdbPath, 'keys:generate', '--data-dir', keyFolder], { stdio: 'ignore' })
  return {
    system: 'mesh', port: 7400, leaveSignal: 'SIGTERM', read: readMeshLine,
    command: (host, { own, seed, isNew }) => {
      const dataDir = join(folder, nameOf(host))
      if (isNew) rmSync(dataDir, { recursive: true, force: true })
      if (!existsSync(dataDir)) {
        mkdirSync(dataDir, { recursive: true, mode: 0o700 })
        copyFileSync(join(keyFolder, 'keyring'), join(dataDir, 'keyring'))
      }
      return [process.execPath, rdbPath, 'start', '--data-dir', dataDir, '--name', nameOf(host), '--listen', `${own}:7400`,
        '--membership-preset', 'lan', '--log-format', 'json', ...(seed === null ? [] : ['--seed', `${seed}:7400`])]
    },
  }
}

export function createSerfProgram(folder: string): Program {
  mkdirSync(folder, { recursive: true })
  // Encrypted, as the mesh is.
  const configPath = join(folder, 'serf.json')
  writeFileSync(configPath, JSON.stringify({ encrypt_key: randomBytes(32).toString('base64') }))
  return {
    system: 'serf', port: 7946, leaveSignal: 'SIGINT', read: readSerfLine,
    command: (host, { own, seed }) => ['serf', 'agent', `-node=${nameOf(host)}`, `-bind=${own}:7946`, '-rpc-addr=127.0.0.1:7373', '-profile=lan',
      '-log-level=info', `-config-file=${configPath}`, ...(seed === null ? [] : [`-join=${seed}:7946`])],
  }
}

function nameOf(host: number): string {
  return `host${host}`
}

const hostPattern = /^host(\d+)$/

const meshSightings: Readonly<Record<string, Sighting>> = {
  'member-joined': 'joined', 'member-suspected': 'suspected', 'member-refuted': 'refuted', 'member-failed': 'failed', 'member-left': 'left',
}

export function readMeshLine(line: string): Said | null {
  // Most lines are no events: they are not worth parsing, and a last line that a SIGKILL cut short does not parse.
  if (!line.includes('"event"') || !line.endsWith('}')) return null
  const { event } = JSON.parse(line) as { event?: { type?: string; record?: { name?: string } } }
  const what = meshSightings[event?.type ?? '']
  const host = hostPattern.exec(event?.record?.name ?? '')?.[1]
  return what === undefined || host === undefined ? null : { what, about: Number(host) }
}

const serfSightings: Readonly<Record<string, Sighting>> = { Join: 'joined', Failed: 'failed', Leave: 'left' }

export function readSerfLine(line: string): Said | null {
  const event = /serf: EventMember(Join|Failed|Leave): host(\d+) /.exec(line)
  if (event !== null) return { what: serfSightings[event[1] ?? ''] ?? 'joined', about: Number(event[2]) }
  const suspect = /memberlist: Suspect host(\d+) has failed/.exec(line)
  return suspect === null ? null : { what: 'suspected', about: Number(suspect[1]) }
}
