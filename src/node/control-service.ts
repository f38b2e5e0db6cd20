/** Answers `/reedbase/control/1.0`: what the command line asks of the node beside it. */
import type { ControlHandler } from '../adapters/local/control-server.ts'
import { MeshError } from '../errors.ts'
import type { ControlRequest, EventView, MemberEventView, NodeStatusView, ReachabilityView } from '../wire/control.ts'
import type { Admission } from './admission.ts'
import type { EventStream } from './event-stream.ts'
import type { KeyringService } from './keyring-service.ts'
import type { LoadDriver } from './load-driver.ts'
import type { PeerDirectory } from './peer-directory.ts'
import type { ReachabilityService } from './reachability-service.ts'

const drillMsMax = 24 * 3_600_000

export interface ControlServiceParts {
  readonly directory: PeerDirectory
  readonly loadDriver: LoadDriver
  readonly keyring: KeyringService
  readonly admission: Admission
  readonly reachability: ReachabilityService
  readonly events: EventStream<EventView>
  readonly status: () => NodeStatusView
}

/** @throws MeshError ERR_OPTION_INVALID, ERR_DATABASE_UNKNOWN, ERR_PROTOCOL */
export function createControlService(parts: ControlServiceParts): ControlHandler {
  return (request, signal) => (request.method === 'events' ? parts.events.subscribe(request.snapshot ? snapshot(parts.directory) : [], signal) : answer(parts, request))
}

// Async, so that what it throws becomes the call's error.
async function answer(parts: ControlServiceParts, request: Exclude<ControlRequest, { method: 'events' }>): Promise<unknown> {
  switch (request.method) {
    case 'status':
      return parts.status()
    case 'members':
      return parts.directory.memberViews()
    case 'nodes':
      return nodes(parts.directory, request.database)
    case 'reachability':
      return await reachability(parts, request.mesh)
    case 'peers-list':
      return parts.admission.list()
    case 'peers-change':
      return await parts.admission.change(request)
    case 'keys-list':
      return await parts.keyring.list(request.mesh)
    case 'keys-install':
      return await parts.keyring.install()
    case 'keys-use':
      return await parts.keyring.use(request.fingerprint)
    case 'keys-remove':
      return await parts.keyring.remove(request.fingerprint, { force: request.force })
    case 'drill-start':
      checkDrill(request)
      parts.loadDriver.startDrill(request)
      return parts.directory.localLoad()
    case 'drill-end':
      parts.loadDriver.endDrill()
      return parts.directory.localLoad()
  }
}

async function reachability({ directory, reachability: service }: ControlServiceParts, ofMesh: boolean): Promise<ReachabilityView> {
  const mesh = ofMesh ? await service.askMesh() : null
  return { ...directory.self(), paths: service.paths(), mesh }
}

function nodes(directory: PeerDirectory, database: string): unknown {
  const view = directory.nodesView(database)
  if (view.nodes.length === 0) throw new MeshError('ERR_DATABASE_UNKNOWN', `no node of the mesh serves ${database}`)
  return view
}

function checkDrill({ cpuPercent, memoryPercent, forMs }: Extract<ControlRequest, { method: 'drill-start' }>): void {
  const isPercent = (value: number | null): boolean => value === null || (Number.isFinite(value) && value >= 0 && value <= 100)
  if (!isPercent(cpuPercent) || !isPercent(memoryPercent)) throw new MeshError('ERR_OPTION_INVALID', 'a drill takes CPU and memory between 0 and 100 percent')
  if (cpuPercent === null && memoryPercent === null) throw new MeshError('ERR_OPTION_INVALID', 'a drill needs --cpu, --memory or both')
  if (!(forMs > 0 && forMs <= drillMsMax)) throw new MeshError('ERR_OPTION_INVALID', 'a drill lasts between 1 ms and 24 h')
}

function snapshot(directory: PeerDirectory): MemberEventView[] {
  return directory.memberViews().filter(({ state }) => state !== 'left').map((member): MemberEventView => ({
    type: member.state === 'failed' ? 'member-failed' : member.state === 'suspect' ? 'member-suspected' : 'member-joined',
    atWallMs: member.stateSinceWallMs, record: member.record, name: member.name, from: member.local ? member.name : (member.suspectedBy[0] ?? member.name),
    reason: member.local ? `this node, ${member.state}` : `already known, ${member.state}`, sinceProbeMs: null,
    evidence: null, suspectedBy: member.suspectedBy[0] ?? null, confirmedBy: member.suspectedBy.slice(1), probeMs: null, suspicionMs: null,
  }))
}
