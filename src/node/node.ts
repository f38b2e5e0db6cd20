/**
 * The composition root: builds every part of a node, hands each just what it needs, and takes all of it down again in reverse, also when
 * the start fails half-way.
 */
import { ConfigFile } from '../adapters/files/config-file.ts'
import { lookup } from 'node:dns/promises'
import { openDataFolder } from '../adapters/files/data-folder.ts'
import { loadOrCreateIdentity } from '../adapters/files/identity.ts'
import { loadKeyring } from '../adapters/files/keyring.ts'
import { loadMemberSnapshot, saveMemberSnapshot, SnapshotWriter } from '../adapters/files/member-snapshot.ts'
import { removeRuntimeFile, socketPathFor, writeRuntimeFile } from '../adapters/files/runtime-file.ts'
import { type StartFile, writeStartFile } from '../adapters/files/start-file.ts'
import { serveControl } from '../adapters/local/control-server.ts'
import { listenLocal } from '../adapters/local/listen-local.ts'
import { createSystemLoadProbe } from '../adapters/system/load-probe.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { probePort } from '../adapters/tcp/port-probe.ts'
import { NetworkCoordinates } from '../core/coordinates/network-coordinates.ts'
import { TwoHopRoutes } from '../core/latency/two-hop.ts'
import { QueryGate } from '../core/admission/query-gate.ts'
import { PeerLatencies } from '../core/latency/peer-latencies.ts'
import { LoadMonitor } from '../core/load/load-monitor.ts'
import { PeerLoads } from '../core/load/peer-loads.ts'
import type { LoadSnapshot } from '../core/load/types.ts'
import { Membership } from '../core/membership/membership.ts'
import { NameBook } from '../core/membership/names.ts'
import { PartitionMonitor } from '../core/membership/partition.ts'
import { QuorumWatch } from '../core/membership/quorum.ts'
import type { MemberEvent, MemberRecord } from '../core/membership/types.ts'
import { createRandom, type Random } from '../core/time/random.ts'
import { Ring } from '../core/time/ring.ts'
import { toRequest } from '../client/request.ts'
import type { LoadReading } from '../ports/load-probe.ts'
import type { Log } from '../ports/log.ts'
import { QueryConnections } from '../query/client.ts'
import { Compression } from '../query/compression.ts'
import { STREAMS_PER_CONNECTION_MAX } from '../query/limits.ts'
import { QueryServer } from '../query/server.ts'
import { QUERY_PROTOCOL } from '../query/types.ts'
import { CONTROL_PROTOCOL, type EventView, type NodeStatusView } from '../wire/control.ts'
import type { AlertView } from '../wire/operations-views.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../wire/membership-load.ts'
import { createRecordSigner, createRecordVerifier } from '../wire/membership-signatures.ts'
import { Admission } from './admission.ts'
import { createControlService } from './control-service.ts'
import { DatabaseRegistry } from './database-registry.ts'
import { openEngine, openEngines, spillFolderOf } from './engines.ts'
import { EngineStates, offersOf } from './engine-states.ts'
import { EngineUses } from './engine-uses.ts'
import { EventStream } from './event-stream.ts'
import { inspectNode } from './inspection-of-node.ts'
import type { InspectedNode } from './mesh-node.ts'
import { KeyringService } from './keyring-service.ts'
import { Distances } from './distances.ts'
import { LatencyDriver } from './latency-driver.ts'
import { LatencyService } from './latency-service.ts'
import { Observers } from './observers.ts'
import { overloadConsequence } from './overload-consequence.ts'
import { OwnQueries } from './own-queries.ts'
import { openListeners, reachableUdp } from './listeners.ts'
import { LoadDriver } from './load-driver.ts'
import { LogStream } from './log-stream.ts'
import { MembershipDriver } from './membership-driver.ts'
import { MeshError } from '../errors.ts'
import type { NodeConfiguration, NodeOptions } from './options.ts'
import { MemberMemory } from './member-memory.ts'
import { NameWatch } from './name-watch.ts'
import { PartitionDriver } from './partition-driver.ts'
import { QueryGateDriver } from './query-gate-driver.ts'
import { QueryLog } from './query-log.ts'
import { openQueryPlane } from './query-plane.ts'
import { PeerExperience } from './peer-experience.ts'
import { NO_PLUGINS, type NodePlugins } from './plugins.ts'
import { PeerDirectory, shownLagMs } from './peer-directory.ts'
import { ReachabilityService } from './reachability-service.ts'
import { ServiceWatch } from './service-watch.ts'
import { TwoHopDriver } from './two-hop-driver.ts'
import { Rivals } from './rivals.ts'
import { RoutingSettings } from './routing-settings.ts'
import { Seeds } from './seeds.ts'
import { flattenCounters } from './counters.ts'
import { Closers } from './closers.ts'
import { eventText } from './event-text.ts'
import { softwareVersion } from './version.ts'
import { memberEventView } from './views.ts'

/** A farewell is worth waiting for, but not for long: whoever misses it finds out by probing. */
const leaveTimeoutMs = 1_500
/** So is telling monitors that the node stops. */
const monitorEndMs = 500
const wireVersion = 1
const recentEventsMax = 1_000

/** Of a node that a command starts: where its changes are kept, and how it is started again. */
export interface NodeOrigin {
  readonly configuration: NodeConfiguration
  readonly start: StartFile
}

interface StartParts {
  readonly log: Log
  readonly plugins?: NodePlugins
  /** Null where a program gives the options. */
  readonly origin?: NodeOrigin | null
}

/**
 * @throws MeshError whatever keeps the node from starting: its data folder, key, keyring, databases, address or port. An unreachable
 * seed does not: it is retried.
 */
export async function startNode(options: NodeOptions, { log, plugins = NO_PLUGINS, origin = null }: StartParts): Promise<InspectedNode> {
  const logs = new LogStream(systemClock)
  const watched = logs.tap(log)
  const closers = new Closers(watched)
  try {
    return await compose(options, { log: watched, logs, closers, plugins, origin })
  } catch (error) {
    await closers.close()
    throw error
  }
}

async function compose(options: NodeOptions, { log, logs, closers, plugins, origin }: Required<StartParts> & { readonly logs: LogStream; readonly closers: Closers }): Promise<InspectedNode> {
  // Before anything that may ask whether the node drains.
  let stopping: Promise<void> | null = null
  let httpUrl: string | null = null
  let alerts = (): readonly AlertView[] => []
  let lastReading: LoadReading | null = null
  const clock = systemClock
  const startedWallMs = clock.wallMs()
  const random: Random = createRandom(startedWallMs ^ process.pid)

  const observers = new Observers(log)
  const recentEvents = new Ring<EventView>(recentEventsMax)
  const folder = await openDataFolder(options.dataDir)
  closers.add('data folder', () => folder.release())
  const identity = await loadOrCreateIdentity(folder)
  const keyring = await loadKeyring(folder.path)
  const signer = createRecordSigner(identity)
  const engines = await openEngines(options, { log, clock, tempDir: spillFolderOf(folder.path), plugins: plugins.databases })
  closers.add('databases', async () => { await Promise.all([...engines.values()].map((engine) => engine.close())) })

  const { mesh, datagrams } = await openListeners(options, { identity, clusterKeys: keyring.keys, clock, log, random, metrics: plugins.libp2pMetrics })
  closers.add('libp2p', () => mesh.stop())
  closers.add('datagrams', () => datagrams.close())

  const memory = new MemberMemory({
    loaded: await loadMemberSnapshot(folder.path, { wallMs: startedWallMs, log }), selfName: options.name, members: () => membership.members(), clock,
  })
  const record: MemberRecord = {
    peerId: mesh.peerId,
    name: options.name,
    incarnation: startedWallMs,
    tcpMultiaddrs: mesh.multiaddrs(),
    ...await reachableUdp(options, datagrams.local),
    datagramPublicKey: datagrams.local.publicKey,
    datagramEpoch: datagrams.local.epoch,
    datacenter: options.datacenter,
    rack: options.rack,
    capacity: options.capacity,
    databases: offersOf(engines),
    softwareVersion,
    wireVersion,
    nameSinceMs: memory.nameSinceWallMs,
  }
  const membership = new Membership({
    record, options: options.membership, random, packetBudgetBytes: datagrams.payloadBytesMax, wallOffsetMs: clock.wallMs() - clock.nowMs(),
    signRecord: (unsigned) => signer.signRecord(unsigned),
    signLeave: (_peerId, incarnation) => signer.signLeave(incarnation),
  })

  const admission = await Admission.open({
    folderPath: folder.path, self: mesh.peerId, options: { allow: options.allowPeers, deny: options.denyPeers }, mesh, datagrams, log,
    nameOf: (peerId) => directory.nameOf(peerId),
    members: () => membership.members().filter(({ state }) => state !== 'left').map(({ signed, state }) => ({ peerId: signed.record.peerId, isUp: state !== 'failed' })),
    onDenied: (peerId) => { queries.handlePeerDown(peerId) },
  })
  const epochOf = (peerId: string): number => membership.member(peerId)?.signed.record.datagramEpoch ?? 0

  // --- what is measured ---------------------------------------------------------------------------------------------------
  const thresholds = { cpuPercent: options.cpuThresholdPercent, memoryPercent: options.memoryThresholdPercent, latencyMs: options.latencyThresholdMs, failures: options.unhealthyAfterFailures }
  const latencies = new PeerLatencies({ pingIntervalMs: options.pingIntervalMs, pingTimeoutMs: options.pingTimeoutMs }, random)
  const latencyService = new LatencyService({
    clock, thresholdMs: options.latencyThresholdMs, latencyTo: (peerId) => latencies.summary(peerId), nodes: (database) => directory.nodesView(database),
  })
  const latencyDriver = new LatencyDriver({ latencies, clock, log, onRtt: (peerId, rttMs, source) => {
      latencyService.handleRtt(peerId, rttMs, source)
      observers.handleRtt(peerId, rttMs, source)
    }, onLost: (peerId, source) => {
      latencyService.handleLost(peerId, source)
      observers.handleLost(peerId, source)
      twoHop.handleLost(peerId)
    }, ping: (peerId) => mesh.ping(peerId, AbortSignal.timeout(options.pingTimeoutMs)) })
  closers.add('latency', () => { latencyDriver.stop() })

  const loads = new PeerLoads()
  const monitor = new LoadMonitor({
    peerId: mesh.peerId, intervalMs: options.loadIntervalMs,
    thresholds: { cpuPercent: options.cpuThresholdPercent, memoryPercent: options.memoryThresholdPercent, leaveMarginPercent: options.overloadLeaveMarginPercent, dwellMs: options.overloadDwellMs },
    thresholdsOf: new Map([...options.databases.filter(({ thresholds: own }) => Object.keys(own).length > 0).map(({ name, thresholds: own }) => [name, own] as const), ...plugins.thresholdsOf]),
  })
  const engineStates: EngineStates = new EngineStates({
    engines, monitor,
    onOffers: (databases) => {
      membershipDriver.updateSelf({ databases })
      warnOfRivals({ ...record, databases })
    },
    onReadiness: () => {
      publishLoad(monitor.snapshot(clock.nowMs(), clock.wallMs()))
      // Whose server comes back as the primary that it was meets the one that took its place.
      warnOfRivals({ ...record, databases: offersOf(engines) })
    },
  })
  closers.add('engine states', () => { engineStates.stop() })

  // --- membership ---------------------------------------------------------------------------------------------------------
  const events = new EventStream<EventView>((event) => {
    logs.handleEvent(event)
    recentEvents.push(event)
    observers.handleEvent(event)
  })
  closers.add('events', () => { events.end() })
  const verifier = createRecordVerifier()
  const rivals = new Rivals(record, (peerId, database) => (peerId === record.peerId ? engines.get(database)?.isReady() : loads.get(peerId)?.readyDatabases?.includes(database)) ?? true)
  const warnOfRivals = ({ peerId, name, databases }: MemberRecord): void => {
    for (const warning of rivals.note({ peerId, name, databases })) log.warn({ peerId, name }, warning)
  }
  const snapshots = new SnapshotWriter({ collect: () => memory.collect(), save: (snapshot) => saveMemberSnapshot(folder.path, snapshot), clock, log })
  closers.add('member snapshot', () => snapshots.close())
  const names = new NameBook()
  const nameWatch = new NameWatch({ names, clock, log, onEvent: (view) => { events.publish(view) } })
  nameWatch.handleSelf(record)
  const { probeIntervalMs, tombstoneRetentionMs } = options.membership
  const partitions = new PartitionDriver({
    monitor: new PartitionMonitor({ windowMs: 10 * probeIntervalMs, settleMs: probeIntervalMs, dwellMs: 2 * probeIntervalMs, forgetMs: tombstoneRetentionMs }),
    quorum: new QuorumWatch({ quorumMin: options.quorumMin, dwellMs: 2 * probeIntervalMs }),
    policy: options.minorityPolicy, selfName: options.name, clock, log,
    members: () => {
      // Who hears nobody is the one that is cut off, long before it has given up all the others one by one.
      const isAlone = membership.isIsolated(clock.nowMs())
      return membership.members().map(({ state, wasMet, signed: { record: { peerId, name } } }) => ({ peerId, name, wasMet: wasMet ?? false, state: isAlone && state !== 'left' ? 'failed' : state }))
    },
    onEvent: (view) => { events.publish(view) },
    onSpreading: (isSpreading) => { membershipDriver.handlePartition(isSpreading) },
    // Others then pass this node over, instead of asking it in vain.
    onRefusing: (isRefusing) => { engineStates.setRefusing(isRefusing) },
  })
  closers.add('partitions', () => { partitions.stop() })
  const onEvent = (event: MemberEvent): void => {
    const { peerId } = event.record
    nameWatch.handleEvent(event)
    snapshots.handleChange()
    const partition = partitions.handleEvent(event)
    const view = memberEventView(event, { clock, nameOf: (id) => directory.nameOf(id) })
    const line = `${event.type} ${eventText(view)}`
    // The partition is the one warning; that each of its members is gone is a detail of it.
    if (partition !== null) log.info({ event: view, partition }, line)
    else if (event.type === 'member-failed' || event.type === 'member-suspected') log.warn({ event: view }, line)
    else log.info({ event: view }, line)
    switch (event.type) {
      case 'member-joined':
        latencyDriver.addPeer(peerId)
        experience.handleServing(peerId, event.record.databases.map(({ name }) => name), true)
        warnOfRivals(event.record)
        break
      case 'member-updated':
        experience.handleServing(peerId, event.record.databases.map(({ name }) => name), false)
        warnOfRivals(event.record)
        break
      case 'member-failed':
        rivals.forget(peerId)
        queries.handlePeerDown(peerId)
        // A host that vanished without FIN leaves its connection open for minutes, and new queries would still be sent into it.
        mesh.hangUp(peerId).catch((error: unknown) => { log.debug({ peerId, err: error }, 'the connection to a failed member did not close') })
        latencyDriver.removePeer(peerId)
        loads.remove(peerId)
        experience.handleGone(peerId)
        twoHop.removePeer(peerId)
        break
      case 'member-left':
        rivals.forget(peerId)
        coordinates.forget(peerId)
        latencyDriver.removePeer(peerId)
        loads.remove(peerId)
        experience.handleGone(peerId)
        twoHop.removePeer(peerId)
        break
      case 'member-suspected':
      case 'member-refuted':
      case 'member-returning':
      case 'member-flapping':
      case 'member-settled':
        break
      case 'path-degraded':
        twoHop.handlePathChange()
        break
      case 'path-restored':
        twoHop.handlePathUp(peerId)
        twoHop.handlePathChange()
        break
    }
    events.publish(view)
  }
  const coordinates = new NetworkCoordinates({ random })
  const experience: PeerExperience = new PeerExperience({
    nameOf: (peerId) => directory.nameOf(peerId), onEvent: (view) => { events.publish(view) }, clock, random, log,
    inFlightAt: (peerId) => loads.get(peerId)?.inFlight ?? null, roundTripMs: (peerId) => directory.latencyTo(peerId),
    ping: (peerId) => mesh.ping(peerId, AbortSignal.timeout(options.pingTimeoutMs)), options: options.routing,
  })
  closers.add('experience', () => { experience.stop() })
  const twoHop: TwoHopDriver = new TwoHopDriver({
    routes: new TwoHopRoutes({ selfPeerId: mesh.peerId, options: options.routing.twoHop }), clock, log, failuresMax: options.unhealthyAfterFailures, vectorIntervalMs: 1.5 * options.loadIntervalMs,
    members: () => membership.members().map(({ state, signed: { record: { peerId } } }) => ({ peerId, state })),
    latencyTo: (peerId) => latencies.summary(peerId), paths: () => membership.paths(), connectedPeers: () => mesh.connectedPeers(),
    isAllowed: (peerId) => admission.isAllowed(peerId), nameOf: (peerId) => directory.nameOf(peerId),
    canRelay: (peerId) => loads.get(peerId)?.overloaded !== true,
  })
  closers.add('two-hop routes', () => { twoHop.stop() })
  const membershipDriver = new MembershipDriver({
    membership, datagrams, mesh, probePort, verifier, clock, random, log, onEvent,
    isAllowed: (peerId) => admission.isAllowed(peerId),
    onForgotten: (peerId) => {
      nameWatch.forget(peerId)
      rivals.forget(peerId)
      coordinates.forget(peerId)
      latencyDriver.removePeer(peerId)
      latencyService.forget(peerId)
      loads.remove(peerId)
      experience.handleGone(peerId)
      twoHop.removePeer(peerId)
    },
    onRtt: (peerId, rttMs, coordinate) => {
      latencyDriver.handleRtt(peerId, rttMs)
      if (coordinate !== null && coordinates.handleSample(peerId, rttMs, coordinate)) membershipDriver.setCoordinate(coordinates.self)
    },
    onLost: (peerId) => { latencyDriver.handleLost(peerId) },
    onLoad: (peerId, digest) => { loads.handleDigest(clock.nowMs(), peerId, digest, epochOf(peerId)) },
  })
  closers.add('membership', () => { membershipDriver.stop() })
  // From the first ack on: who has no coordinate yet learns it from those that tell theirs.
  membershipDriver.setCoordinate(coordinates.self)
  const keys = new KeyringService({
    folderPath: folder.path, keyring, self: { peerId: mesh.peerId, name: options.name }, mesh, datagrams, clock, random, log,
    members: () => membership.members().filter(({ state, signed }) => state !== 'left' && admission.isAllowed(signed.record.peerId)).map(({ signed: { record: { peerId } }, state }) => ({ peerId, name: directory.nameOf(peerId), isUp: state !== 'failed' })),
  })
  closers.add('keyring', () => { keys.stop() })
  const publishLoad = (snapshot: LoadSnapshot): void => {
    mesh.publish('load', encodeLoadSnapshot(snapshot, twoHop.vector())).catch((error: unknown) => { log.debug({ err: error }, 'load snapshot not published; datagrams carry its digest') })
  }
  const loadDriver: LoadDriver = new LoadDriver({
    monitor, clock, log, probe: createSystemLoadProbe(), publish: publishLoad, serviceTimesMs: () => gate.services.expected(gate.queueRatio),
    onDigest: (digest) => {
      membershipDriver.setLoad(digest)
      engineStates.refresh()
    },
    overloadConsequence: (database): string | null => overloadConsequence(directory.memberViews(), database),
    onReading: (reading) => {
      membershipDriver.setLoopDelay(reading.eventLoopDelayMs)
      experience.handleLoopDelay(reading.eventLoopDelayMs)
      lastReading = reading
      observers.handleReading(reading)
    },
  })
  closers.add('load', () => { loadDriver.stop() })
  mesh.onGossip((topic, from, bytes) => {
    if (topic === 'members') return membershipDriver.handleAnnouncement(from, bytes)
    const decoded = decodeLoadSnapshot(bytes)
    if (!decoded.ok || decoded.value.peerId !== from) return 'reject'
    const known = membership.member(from)
    if (known === undefined || known.state === 'left') return 'ignore'
    loads.handleSnapshot(clock.nowMs(), decoded.value, epochOf(from))
    twoHop.handleVector(from, decoded.value.paths)
    return 'accept'
  })

  // --- queries ------------------------------------------------------------------------------------------------------------
  const gate = new QueryGateDriver(new QueryGate(options.routing.gate), clock, new ServiceWatch(clock, options.routing.decision, log))
  closers.add('queue', () => { gate.close(new MeshError('ERR_DRAINING', 'the node has stopped', { details: { started: 'no' } })) })
  const compression = new Compression(options.compression, clock, (peerId) => latencies.summary(peerId)?.minMs ?? null)
  const connections = new QueryConnections({ open: (peerId, protocol, signal) => mesh.openDirect(peerId, protocol, signal), compression, clock, log })
  connections.onPeerLoad((peerId, digest) => { loads.handleDigest(clock.nowMs(), peerId, digest, epochOf(peerId)) })
  closers.add('query connections', () => connections.close())
  const directory = new PeerDirectory({
    membership, names, latencies, monitor, loads, engines, clock, thresholds, startedWallMs,
    gate,
    inFlightTo: (peerId) => connections.inFlight(peerId), feedback: (peerId) => experience.feedback(peerId),
    routeTo: (peerId) => twoHop.routeTo(peerId),
    isDraining: () => stopping !== null,
    isAllowed: (peerId) => admission.isAllowed(peerId),
    lastReadingWallMs: () => loadDriver.lastReadingWallMs,
  })
  const uses = new EngineUses()
  const { queries, strategies, forget, counters: queryCounters } = openQueryPlane({
    options, plugins, self: { peerId: mesh.peerId, name: options.name }, engines, gate, uses, connections, directory, twoHop, experience, partitions, latencyService, monitor, loadDriver, events,
    closers, clock, random, log,
  })
  const config = origin === null ? null : new ConfigFile({ path: origin.configuration.file, check: (text) => { origin.configuration.withText(text) } })
  const overriddenBy = origin?.configuration.overriddenBy ?? new Map<string, string>()
  const nodeName = (): string => directory.self().name
  const settings: RoutingSettings = new RoutingSettings({
    options, thresholdsOf: plugins.thresholdsOf, strategyOf: plugins.strategyOf, config, overriddenBy, monitor, loadDriver, strategies, latencies, latencyDriver, log, nodeName,
    nodes: (database) => directory.nodesView(database), served: () => [...engines.values()].filter(({ isPrivate }) => isPrivate !== true).map(({ database }) => database),
    databaseOf: (name) => registry.get(name), uptimeMs: () => clock.wallMs() - startedWallMs, logFile: origin?.start.logFile ?? null,
  })
  const registry: DatabaseRegistry = new DatabaseRegistry({
    options, engines, engineStates, uses, settings, config, overriddenBy, clock, log, nodeName, forgetResults: forget,
    open: (database) => openEngine(database, options, { log, tempDir: spillFolderOf(folder.path) }),
    databases: () => directory.databasesView(registry.list()), isDraining: () => stopping !== null,
  })
  closers.add('registry', () => registry.stop())
  await membershipDriver.start()
  await keys.start()
  twoHop.start()
  const reachability = new ReachabilityService({
    selfPeerId: mesh.peerId, mesh, clock, paths: () => membership.paths(), members: () => membership.members(),
    isAllowed: (peerId) => admission.isAllowed(peerId), nameOf: (peerId) => directory.nameOf(peerId),
  })
  await reachability.start()
  const queryLog = new QueryLog({
    clock, mode: options.queryLog, self: { peerId: mesh.peerId, name: options.name }, nameOf: (peerId) => directory.nameOf(peerId), onEnd: observers.handleQuery, tracing: plugins.tracing,
  })
  const handler = queryLog.watched(queries.handle)
  const server = new QueryServer({ handler, compression, clock, log })
  const ownQueries = new OwnQueries({ handler, clock, log })
  await mesh.handle(QUERY_PROTOCOL, (stream) => { server.accept(stream) }, { inboundStreamsMax: STREAMS_PER_CONNECTION_MAX, isDirect: true })

  // --- doors open ---------------------------------------------------------------------------------------------------------
  const seeds = new Seeds({
    seeds: options.seeds, remembered: memory.remembered, retryMsMax: options.seedRetryMaxMs, selfPeerId: mesh.peerId, clock, random, log,
    dial: (address, signal) => mesh.dial(address, signal),
    resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    sync: (peerId) => membershipDriver.sync(peerId),
    aliveCount: () => membership.aliveCount,
    isMember: (peerId) => membership.member(peerId) !== undefined,
  })
  closers.add('seeds', () => { seeds.stop() })
  const status = (): NodeStatusView => ({
    ...directory.self(), nameConflict: names.isContested(options.name), pid: process.pid, state: membership.selfState, version: softwareVersion,
    uptimeMs: clock.wallMs() - startedWallMs,
    http: httpUrl, alerts: alerts().filter(({ state }) => state === 'firing').map(({ rule, severity, subject, summary, sinceWallMs }) => ({ rule, severity, subject, summary, sinceWallMs })),
    listen: { tcpMultiaddrs: mesh.multiaddrs(), udp: `${datagrams.local.host}:${datagrams.local.port}` },
    databases: [...engines.values()].filter(({ isPrivate }) => isPrivate !== true).map((engine) => ({ name: engine.database, role: engine.role, engine: engine.kind, ready: engine.isReady(), lagMs: shownLagMs(engine.role, engine.lagMs?.()) })),
    load: directory.localLoad(),
    members: directory.membersByState(),
    partition: partitions.partitionStatus(), quorum: partitions.quorumStatus(),
    localHealth: { score: membership.localHealth, max: options.membership.localHealthMax },
    counters: flattenCounters({
      datagrams: datagrams.counters(), mesh: mesh.counters(), gossip: membershipDriver.counters, coordinates: coordinates.counters, membership: { ...membership.counters, localHealth: membership.localHealth }, reachability: reachability.counters,
      ...queryCounters(), experience: experience.counters, twoHop: twoHop.counters, queryServer: server.counters(), compression: compression.counters, load: loadDriver.counters, keyring: keys.counters, ...partitions.counters, seeds: seeds.counters, snapshots: snapshots.counters,
    }),
  })
  // Before the doors open: whoever comes in first may ask to leave.
  const { promise: done, resolve: resolveDone } = Promise.withResolvers<void>()
  const shutDown = async (reason: string): Promise<void> => {
    log.info({ reason, inFlight: server.inFlight + ownQueries.inFlight }, `stopping: ${reason}`)
    seeds.stop()
    membershipDriver.leave()
    await Promise.all([server.drain(options.drainMs), ownQueries.drain(options.drainMs)])
    await membershipDriver.farewell(leaveTimeoutMs)
    await logs.end(reason, monitorEndMs)
    await closers.close()
    log.info({ reason }, 'stopped')
    resolveDone()
  }
  const stop = (reason: string): Promise<void> => stopping ??= shutDown(reason)

  const socketPath = await socketPathFor(folder.path)
  const distances = new Distances({
    selfPeerId: mesh.peerId, latencyTo: (peerId) => latencies.summary(peerId),
    members: () => directory.memberViews().filter(({ state }) => state !== 'left').map(({ record: { peerId }, name, state }) => ({ peerId, name, state })),
    coordinateOf: (peerId) => (peerId === mesh.peerId ? coordinates.self : coordinates.of(peerId)),
  })
  const control = createControlService({
    directory, loadDriver, keyring: keys, admission, reachability, distances, latency: latencyService, settings, registry, events, logs, status, explain: (request, signal) => queries.explain(request, signal), drainMs: options.drainMs,
    removeMember: (peerId) => {
      membershipDriver.removeMember(peerId)
      return membership.member(peerId)?.state === 'left'
    },
    leave: (reason) => { stop(reason).catch((error: unknown) => { log.error({ err: error }, 'leaving failed') }) },
  })
  const local = await listenLocal(socketPath, {
    clock, log,
    protocols: {
      [QUERY_PROTOCOL]: (stream) => { server.accept(stream) },
      [CONTROL_PROTOCOL]: (stream) => { serveControl(stream, control, { clock, log }) },
    },
  })
  closers.add('local socket', () => local.close({ abort: true }))
  await loadDriver.start()
  const writeRuntime = async (): Promise<void> => {
    await writeRuntimeFile(folder.path, {
      pid: process.pid, peerId: mesh.peerId, name: options.name, startedWallMs, version: softwareVersion,
      tcpMultiaddrs: mesh.multiaddrs(), udp: `${datagrams.local.host}:${datagrams.local.port}`, socketPath, ...(httpUrl === null ? {} : { http: httpUrl }),
    })
  }
  // First: whoever finds the node by the other file may ask how to start it again.
  if (origin !== null) await writeStartFile(folder.path, origin.start)
  await writeRuntime()
  closers.add('runtime file', () => removeRuntimeFile(folder.path))
  log.info({ peerId: mesh.peerId, tcpMultiaddrs: mesh.multiaddrs(), databases: [...engines.keys()], keys: keyring.keys.length }, `${options.name} listens on ${datagrams.local.host}:${datagrams.local.port} (TCP and UDP)`)
  await seeds.join()
  membershipDriver.becomeAlive()
  // Older memories are older than the others' tombstones, so that nobody could say that one of these has left.
  partitions.remember(memory.expected(tombstoneRetentionMs / 2))
  partitions.start()
  // Also without a single event: since when this node bears its name is worth keeping.
  snapshots.handleChange()

  const inspection = inspectNode({
    peerId: mesh.peerId, name: options.name, startedWallMs, options, dataDir: folder.path, clock, log, status, directory, registry, latencyService, latencies, reachability, distances, membership, loads,
    mesh, queryLog, observers, ownQueries, queries, events, recentEvents, closers, lastReading: () => lastReading, isDraining: () => stopping !== null,
    announceHttp: async (url) => {
      httpUrl = url
      await writeRuntime()
    },
    announceAlerts: (list) => { alerts = list },
  })

  return {
    inspection,
    peerId: mesh.peerId, name: options.name, tcpMultiaddrs: mesh.multiaddrs(), status,
    members: { list: () => directory.memberViews(), events: (signal) => events.subscribe([], signal) },
    query: (sql, queryOptions) => ownQueries.query(sql, queryOptions),
    transaction: (database, work, transactionOptions) => ownQueries.transaction(database, work, transactionOptions),
    // Async, so that what is wrong with the options becomes a rejection.
    explain: async (sql, explainOptions) => await queries.explain(toRequest(sql, explainOptions), explainOptions.signal ?? new AbortController().signal),
    stop, done,
  }
}
