import type { Priority } from '../../core/routing/types.ts'
import { MeshError } from '../../errors.ts'
import { peerIdPattern } from '../../wire/cluster.ts'
import { type ControlRequest, LATENCY_HOURS_MAX, LATENCY_HOURS_MIN, type LogLineLevel } from '../../wire/control.ts'
import { databaseEntryOf, routingChangeOf } from './configuration-request.ts'
import { peersMax } from '../files/peer-lists.ts'

const forMsMax = 24 * 3_600_000
export const databaseCharactersMax = 64
/** A PeerId has 52. */
const memberCharactersMax = 128
/** As many as a query has. */
const parametersMax = 65_535
const priorities: readonly Priority[] = ['critical', 'high', 'normal', 'low']
const monitorLevels: readonly LogLineLevel[] = ['debug', 'info', 'warn', 'error']

/**
 * Reads and checks a request line. A pinned percentage is 0–100 or null, a drill lasts at most a day, a database's name has at most
 * 64 characters, that of a member 128.
 * @throws MeshError ERR_PROTOCOL for what is no request, ERR_OPTION_INVALID for a value out of range
 */
export function parseControlRequest(line: string): ControlRequest {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    throw new MeshError('ERR_PROTOCOL', 'the control request is not JSON', { cause: error })
  }
  const request = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Readonly<Record<string, unknown>>
  switch (request.method) {
    case 'status':
    case 'members':
    case 'drill-end':
    case 'databases':
      return { method: request.method }
    case 'events':
      return { method: 'events', snapshot: request.snapshot === true }
    case 'leave':
      return { method: 'leave' }
    case 'monitor': {
      const level = monitorLevels.find((known) => known === request.level)
      if (level === undefined) throw new MeshError('ERR_OPTION_INVALID', `the level of a monitor is ${monitorLevels.join(', ')}`)
      return { method: 'monitor', level }
    }
    case 'rtt':
      if (isGiven(request.to) && !isGiven(request.from)) throw new MeshError('ERR_OPTION_INVALID', 'a round trip to a member starts at one')
      return { method: 'rtt', from: isGiven(request.from) ? memberOf(request.from) : null, to: isGiven(request.to) ? memberOf(request.to) : null }
    case 'force-leave':
      return { method: 'force-leave', member: memberOf(request.member) }
    case 'reachability':
      return { method: 'reachability', mesh: request.mesh === true }
    case 'nodes':
      return { method: 'nodes', database: databaseOf(request.database) }
    case 'latency': {
      const { hours } = request
      if (typeof hours !== 'number' || !(hours >= LATENCY_HOURS_MIN && hours <= LATENCY_HOURS_MAX)) throw new MeshError('ERR_OPTION_INVALID', `latencies are kept for ${LATENCY_HOURS_MAX} hours; between ${LATENCY_HOURS_MIN} and ${LATENCY_HOURS_MAX} are asked for`)
      return { method: 'latency', database: databaseOf(request.database), hours }
    }
    case 'explain':
      return { method: 'explain', database: databaseOf(request.database), sql: textOf(request.sql, 'SQL'), hints: textOf(request.hints ?? '', 'list of hints'), priority: priorityOf(request.priority ?? 'normal'), ...(request.parameters === undefined ? {} : { parameters: parametersOf(request.parameters) }) }
    case 'keys-install':
      return { method: 'keys-install' }
    case 'keys-list':
      return { method: 'keys-list', mesh: request.mesh === true }
    case 'keys-use':
      return { method: 'keys-use', fingerprint: fingerprintOf(request.fingerprint) }
    case 'keys-remove':
      return { method: 'keys-remove', fingerprint: fingerprintOf(request.fingerprint), force: request.force === true }
    case 'peers-list':
      return { method: 'peers-list' }
    case 'peers-change':
      if (request.list !== 'allow' && request.list !== 'deny') throw new MeshError('ERR_OPTION_INVALID', 'no list of peers is named')
      return { method: 'peers-change', list: request.list, peerIds: peerIdsOf(request.peerIds), remove: request.remove === true, force: request.force === true }
    case 'drill-start': {
      const { forMs } = request
      if (typeof forMs !== 'number' || !(forMs > 0 && forMs <= forMsMax)) throw new MeshError('ERR_OPTION_INVALID', `a drill lasts between 1 and ${forMsMax} ms`)
      return { method: 'drill-start', cpuPercent: percent(request.cpuPercent, 'CPU'), memoryPercent: percent(request.memoryPercent, 'memory'), forMs }
    }
    case 'measurement':
      return { method: 'measurement', database: isGiven(request.database) ? databaseOf(request.database) : null }
    case 'routing-config':
      return { method: 'routing-config', database: databaseOf(request.database), change: isGiven(request.change) ? routingChangeOf(request.change) : null, save: request.save !== false }
    case 'database-register':
      return { method: 'database-register', name: databaseOf(request.name), entry: databaseEntryOf(request.entry), save: request.save !== false }
    case 'database-unregister':
      return { method: 'database-unregister', name: databaseOf(request.name), save: request.save !== false, force: request.force === true }
    default:
      throw new MeshError('ERR_PROTOCOL', `the control method ${JSON.stringify(request.method)?.slice(0, 64) ?? 'undefined'} is unknown`)
  }
}

function peerIdsOf(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value as unknown[] : []
  const wrong = list.find((item) => typeof item !== 'string' || !peerIdPattern.test(item))
  if (wrong !== undefined) throw new MeshError('ERR_OPTION_INVALID', `${JSON.stringify(wrong).slice(0, 80)} is no PeerId of a node`, { nextStep: 'rdb members --wide shows whole PeerIds.' })
  if (list.length === 0 || list.length > peersMax) throw new MeshError('ERR_OPTION_INVALID', `between 1 and ${peersMax} PeerIds are given`)
  return list as readonly string[]
}

/** As long as a line lets it be. */
function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw new MeshError('ERR_OPTION_INVALID', `the ${what} of a query to explain is a text`)
}

function parametersOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length <= parametersMax && value.every((item) => typeof item === 'string')) return value as readonly string[]
  throw new MeshError('ERR_OPTION_INVALID', `the parameters of a query to explain are a list of at most ${parametersMax} texts`)
}

function priorityOf(value: unknown): Priority {
  const priority = priorities.find((known) => known === value)
  if (priority === undefined) throw new MeshError('ERR_OPTION_INVALID', `the priority of a query is ${priorities.join(', ')}`)
  return priority
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined
}

function databaseOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new MeshError('ERR_OPTION_INVALID', 'no database is named')
  if (value.length > databaseCharactersMax) throw new MeshError('ERR_OPTION_INVALID', `a database's name has at most ${databaseCharactersMax} characters`)
  return value
}

function memberOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new MeshError('ERR_OPTION_INVALID', 'no member is named')
  if (value.length > memberCharactersMax) throw new MeshError('ERR_OPTION_INVALID', `a member's name has at most ${memberCharactersMax} characters`)
  return value
}

/** Its first digits suffice. */
function fingerprintOf(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{4,16}$/.test(value)) return value
  throw new MeshError('ERR_OPTION_INVALID', 'a fingerprint is 16 hexadecimal digits, of which the first four or more are given')
}

function percent(value: unknown, what: string): number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'number' && value >= 0 && value <= 100) return value
  throw new MeshError('ERR_OPTION_INVALID', `the ${what} of a drill is between 0 and 100 %`)
}
