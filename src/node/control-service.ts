/** Answers `/reedbase/control/1.0`: what the command line asks of the node beside it. */
import type { ControlHandler } from '../adapters/local/control-server.ts'
import { MeshError } from '../errors.ts'
import type { ControlRequest, EventView, ForceLeaveView, LeavingView, MemberEventView, NodesView, NodeStatusView, ReachabilityView, RegistryProgress } from '../wire/control.ts'
import { parametersFromTexts } from '../wire/control-values.ts'
import type { Admission } from './admission.ts'
import type { DatabaseRegistry } from './database-registry.ts'
import type { Distances } from './distances.ts'
import type { EventStream } from './event-stream.ts'
import { listText } from './event-text.ts'
import type { KeyringService } from './keyring-service.ts'
import type { LatencyService } from './latency-service.ts'
import type { LoadDriver } from './load-driver.ts'
import type { LogStream } from './log-stream.ts'
import { findMember } from './member-lookup.ts'
import type { PeerDirectory } from './peer-directory.ts'
import type { QueryService } from './query-service.ts'
import type { ReachabilityService } from './reachability-service.ts'
import type { RoutingSettings } from './routing-settings.ts'

const drillMsMax = 24 * 3_600_000

export interface ControlServiceParts {
  readonly directory: Pick<PeerDirectory, 'self' | 'memberViews' | 'nodesView' | 'localLoad' | 'databasesView'>
  readonly loadDriver: Pick<LoadDriver, 'startDrill' | 'endDrill'>
  readonly keyring: Pick<KeyringService, 'list' | 'install' | 'use' | 'remove'>
  readonly admission: Pick<Admission, 'list' | 'change'>
  readonly reachability: Pick<ReachabilityService, 'paths' | 'askMesh'>
  readonly distances: Pick<Distances, 'all' | 'between'>
  readonly latency: Pick<LatencyService, 'view'>
  readonly settings: Pick<RoutingSettings, 'view' | 'change' | 'measurement'>
  readonly registry: Pick<DatabaseRegistry, 'list' | 'register' | 'unregister'>
  readonly events: Pick<EventStream<EventView>, 'subscribe'>
  readonly logs: Pick<LogStream, 'subscribe'>
  readonly explain: QueryService['explain']
  /** An operator's word that a member is not expected back; false when this node is not in the mesh itself. */
  readonly removeMember: (peerId: string) => boolean
  readonly drainMs: number
  /** Begins to leave; what it does then is not waited for. */
  readonly leave: (reason: string) => void
  readonly status: () => NodeStatusView
}

/** @throws MeshError ERR_OPTION_INVALID, ERR_DATABASE_UNKNOWN, ERR_MEMBER_UNKNOWN, ERR_MEMBER_ALIVE, ERR_DRAINING, ERR_PROTOCOL */
export function createControlService(parts: ControlServiceParts): ControlHandler {
  return (request, signal) => {
    switch (request.method) {
      case 'events':
        return parts.events.subscribe(request.snapshot ? snapshot(parts.directory) : [], signal)
      case 'monitor':
        return parts.logs.subscribe(request.level, signal)
      case 'database-register':
        return registering(parts.registry, request, signal)
      case 'database-unregister':
        return parts.registry.unregister(request)
      case 'explain':
        return parts.explain({ ...request, parameters: parametersFromTexts(request.parameters ?? []) }, signal)
      default:
        return answer(parts, request)
    }
  }
}

// Async, so that what it throws becomes the call's error.
async function answer(parts: ControlServiceParts, request: Exclude<ControlRequest, { method: 'events' | 'monitor' | 'explain' | 'database-register' | 'database-unregister' }>): Promise<unknown> {
  switch (request.method) {
    case 'status':
      return parts.status()
    case 'members':
      return parts.directory.memberViews()
    case 'nodes':
      return servedNodes(parts.directory, request.database)
    case 'databases':
      return parts.directory.databasesView(parts.registry.list())
    case 'measurement':
      return parts.settings.measurement(request.database)
    case 'routing-config':
      return request.change === null ? parts.settings.view(request.database) : await parts.settings.change(request.database, request.change, request)
    case 'latency':
      servedNodes(parts.directory, request.database)
      return parts.latency.view(request.database, request.hours)
    case 'rtt':
      return request.from === null ? parts.distances.all() : [parts.distances.between(request.from, request.to)]
    case 'leave':
      return leave(parts)
    case 'force-leave':
      return forceLeave(parts, request.member)
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

/** A stream, since opening an engine may take longer than a question is waited for. */
async function* registering(registry: Pick<DatabaseRegistry, 'register'>, request: Extract<ControlRequest, { method: 'database-register' }>, signal: AbortSignal): AsyncGenerator<RegistryProgress, void, void> {
  yield { kind: 'done', view: await registry.register(request, signal) }
}

/** What is closed last is the data folder, so the caller sees there when the node is gone. */
function leave({ directory, drainMs, leave: begin }: ControlServiceParts): LeavingView {
  const { inFlight } = directory.localLoad()
  begin('rdb leave')
  return { pid: process.pid, name: directory.self().name, inFlight, drainMs }
}

function forceLeave({ directory, removeMember }: ControlServiceParts, text: string): ForceLeaveView {
  const views = directory.memberViews()
  const named = views.map((view) => ({ peerId: view.record.peerId, name: view.name, state: view.state }))
  // One that has left may have borne the name of one that has not.
  const expected = named.filter(({ state }) => state !== 'left')
  const gone = expected.some(({ name: other }) => other === text) ? [] : named.filter((other) => other.state === 'left' && (other.name === text || other.peerId === text))
  const { peerId, name } = findMember(text, gone.length > 0 ? gone : expected)
  const member = views.find(({ record }) => record.peerId === peerId)
  if (member?.local === true) throw new MeshError('ERR_MEMBER_ALIVE', `${name} is this node`, { nextStep: 'rdb leave takes the node beside you out of the mesh.' })
  if (member?.state === 'left') return { peerId, name, wasGone: true }
  if (member?.state !== 'failed' || member.probationUntilWallMs !== null) {
    const isReturning = member !== undefined && member.probationUntilWallMs !== null
    const namesakes = views.filter((other) => other.record.name === member?.record.name && other.state === 'failed' && other.probationUntilWallMs === null && other.record.peerId !== peerId)
    throw new MeshError('ERR_MEMBER_ALIVE', `${name} is ${isReturning ? 'answering again' : member?.state ?? 'alive'}; only a failed member can be taken off${namesakes.length === 0 ? '' : `, such as ${listText(namesakes.map((other) => other.name))}`}`, {
      ...(member?.state === 'suspect' ? { nextStep: 'Wait until it has refuted the suspicion or is declared failed: rdb members --watch tells.' } : {}), details: { peerId, name, state: member?.state ?? null },
    })
  }
  if (!removeMember(peerId)) {
    throw new MeshError('ERR_DRAINING', 'this node is joining or leaving the mesh, and its word about others does not count now', { nextStep: 'Run the command again in a moment, or beside another node.' })
  }
  return { peerId, name, wasGone: false }
}

async function reachability({ directory, reachability: service }: ControlServiceParts, ofMesh: boolean): Promise<ReachabilityView> {
  const mesh = ofMesh ? await service.askMesh() : null
  return { ...directory.self(), paths: service.paths(), mesh }
}

/** @throws MeshError ERR_DATABASE_UNKNOWN */
export function servedNodes(directory: Pick<PeerDirectory, 'nodesView'>, database: string): NodesView {
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

/** Of what is known already, who told it first and when it came is not; only the accusers of those that are out, or may be, are. */
function snapshot(directory: ControlServiceParts['directory']): MemberEventView[] {
  return directory.memberViews().filter(({ state }) => state !== 'left').map((member): MemberEventView => {
    const [suspectedBy = null, ...confirmedBy] = member.state === 'suspect' || member.state === 'failed' ? member.suspectedBy : []
    return {
      type: member.state === 'failed' ? 'member-failed' : member.state === 'suspect' ? 'member-suspected' : 'member-joined',
      atWallMs: member.stateSinceWallMs, record: member.record, name: member.name, from: suspectedBy ?? member.name,
      reason: member.local ? `this node, ${member.state}` : `already known, ${member.state}`, sinceProbeMs: null,
      evidence: null, suspectedBy, confirmedBy, probeMs: null, suspicionMs: null,
    }
  })
}
