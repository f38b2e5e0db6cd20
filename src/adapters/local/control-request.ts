import { MeshError } from '../../errors.ts'
import { peerIdPattern } from '../../wire/cluster.ts'
import type { ControlRequest } from '../../wire/control.ts'
import { peersMax } from '../files/peer-lists.ts'

const forMsMax = 24 * 3_600_000
export const databaseCharactersMax = 64

/**
 * Reads and checks a request line. A pinned percentage is 0–100 or null, a drill lasts at most a day, a database's name has at most 64 characters.
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
      return { method: request.method }
    case 'events':
      return { method: 'events', snapshot: request.snapshot === true }
    case 'reachability':
      return { method: 'reachability', mesh: request.mesh === true }
    case 'nodes':
      if (typeof request.database !== 'string' || request.database === '') throw new MeshError('ERR_OPTION_INVALID', 'no database is named')
      if (request.database.length > databaseCharactersMax) throw new MeshError('ERR_OPTION_INVALID', `a database's name has at most ${databaseCharactersMax} characters`)
      return { method: 'nodes', database: request.database }
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
