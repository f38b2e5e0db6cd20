/** The tables that are read from the running node: each row as it stands when the query reads it. */
import { eventText } from '../../node/event-text.ts'
import { type EventView, isMemberEvent, type MemberView } from '../../wire/control.ts'
import type { AlertView, DatabaseCopyView, QueryRecord } from '../../wire/operations-views.ts'
import { columnsOf, liveTable, type LiveTable } from './live-table.ts'
import { type RouteSummary, summariseRoutes } from './route-summary.ts'

const node = columnsOf<MemberView & { readonly lastCheckWallMs: number | null }>()
const member = columnsOf<MemberView>()
const event = columnsOf<EventView>()
const query = columnsOf<QueryRecord>()
const route = columnsOf<RouteSummary>()
const copy = columnsOf<DatabaseCopyView & { readonly database: string; readonly path: string | null }>()
const alert = columnsOf<AlertView>()

export const LIVE_TABLES: readonly LiveTable[] = [
  liveTable('nodes', 'every member of the mesh, as this node measures it; this node first', ({ inspection: { clock, members } }) => members().map((view) => ({
    ...view, lastCheckWallMs: view.latency === null ? null : clock.wallMs() - (clock.nowMs() - view.latency.lastCheckMs),
  })), [
    node.text('name', 'as it is shown everywhere', ({ name }) => name),
    node.text('peer_id', 'its PeerId', ({ record }) => record.peerId),
    node.flag('is_local', 'it is the node that answers', ({ local }) => local),
    node.text('state', 'of its membership: joining, alive, suspect, failed or left', ({ state }) => state),
    node.text('status', 'healthy, degraded or unhealthy', ({ status }) => status),
    node.number('latency_ms', 'round trip to it, smoothed; null for this node and while unmeasured', ({ latency }) => latency?.smoothedMs ?? null),
    node.number('latency_p99_ms', 'of the last 100 round trips', ({ latency }) => latency?.p99Ms ?? null),
    node.number('loss_ratio', '0–1 of the last 100', ({ latency }) => latency?.lossRatio ?? null),
    node.number('quality', '0–1; 1 is near, steady and lossless', ({ latency }) => latency?.quality ?? null),
    node.number('cpu_percent', 'of its host or control group', ({ load }) => load?.cpuPercent ?? null),
    node.number('memory_percent', 'likewise', ({ load }) => load?.memoryPercent ?? null),
    node.count('in_flight', 'queries that run or wait there', ({ load }) => load?.inFlight ?? null),
    node.flag('is_overloaded', 'by its own thresholds', ({ load }) => load?.overloaded ?? null),
    node.number('load_age_ms', 'how long ago it told its load', ({ load }) => load?.ageMs ?? null),
    node.text('datacenter', 'as its configuration has it', ({ record }) => record.datacenter),
    node.text('rack', 'likewise', ({ record }) => record.rack),
    node.texts('databases', 'names of those that it serves', ({ record }) => record.databases.map(({ name }) => name)),
    node.time('last_check', 'of the last answer or loss; null for this node', ({ lastCheckWallMs }) => lastCheckWallMs),
  ]),
  liveTable('members', 'every member, as membership knows it', ({ inspection }) => inspection.members(), [
    member.text('name', 'as it is shown', ({ name }) => name),
    member.text('peer_id', 'its PeerId', ({ record }) => record.peerId),
    member.flag('is_local', 'it is the node that answers', ({ local }) => local),
    member.text('state', 'joining, alive, suspect, failed or left', ({ state }) => state),
    member.time('state_since', 'when it came into that state, as this node saw it', ({ stateSinceWallMs }) => stateSinceWallMs),
    member.texts('suspected_by', 'names of those that suspect it', ({ suspectedBy }) => suspectedBy),
    member.text('path', 'how this node reaches it; null for itself', ({ path }) => path),
    member.count('incarnation', 'raised by the member alone, at each start and to refute a suspicion', ({ record }) => record.incarnation),
    member.text('software_version', 'of the package', ({ record }) => record.softwareVersion),
    member.count('wire_version', 'of the protocols', ({ record }) => record.wireVersion),
    member.texts('tcp_multiaddrs', 'where it takes connections', ({ record }) => record.tcpMultiaddrs),
    member.text('udp', 'where it takes datagrams', ({ record }) => `${record.udpHost}:${record.udpPort}`),
    member.text('datacenter', 'as its configuration has it', ({ record }) => record.datacenter),
    member.text('rack', 'likewise', ({ record }) => record.rack),
    member.number('capacity', 'its weight among the others', ({ record }) => record.capacity),
    member.flag('has_name_conflict', 'another member has the same name', ({ nameConflict }) => nameConflict),
    member.flag('is_denied', 'this node does not deal with it', ({ denied }) => denied),
    member.flag('is_flapping', 'it comes and goes', ({ flapping }) => flapping),
    member.time('probation_until', 'it answers again and is taken back then; null when it is not on probation', ({ probationUntilWallMs }) => probationUntilWallMs),
    member.text('removed_by', 'name of the node where an operator took it off', ({ removedBy }) => removedBy),
  ]),
  liveTable('events', 'the last 1,000 events of this node, the oldest first', ({ inspection }) => inspection.recentEvents(), [
    event.time('occurred_at', 'when this node told it', ({ atWallMs }) => atWallMs),
    event.text('type', 'such as member-failed or quorum-lost', ({ type }) => type),
    event.text('node', 'name of the member that it is about; null for the mesh as a whole', (view) => (isMemberEvent(view) ? view.name : null)),
    event.text('peer_id', 'of that member or peer', (view) => (isMemberEvent(view) ? view.record.peerId : 'peerId' in view ? view.peerId : null)),
    event.text('description', 'the sentence that the log has', (view) => eventText(view)),
    event.text('details', 'all of it as JSON', (view) => JSON.stringify(view)),
  ]),
  liveTable('queries', 'the last 1,000 queries that ended at this node, of its clients and of peers, the oldest first; none with queryLog off', ({ inspection }) => inspection.recentQueries(), [
    query.count('id', 'counts up from 1 since the start of the node', ({ id }) => id),
    query.time('started_at', 'when it arrived', ({ startedWallMs }) => startedWallMs),
    query.number('duration_ms', 'from its arrival to its end', ({ durationMs }) => durationMs),
    query.number('first_answer_ms', 'to the first answer, before any row', ({ firstAnswerMs }) => firstAnswerMs),
    query.text('database', 'that it asked', ({ database }) => database),
    query.text('sql', 'its first 1,000 characters; empty with queryLog redacted', ({ sql }) => sql),
    query.text('access', 'read, write or unknown', ({ access }) => access),
    query.text('priority', 'critical, high, normal or low', ({ priority }) => priority),
    query.text('sent_by', 'name of the peer that sent it; null for a client of this node', ({ sentBy }) => sentBy),
    query.text('decision', 'local, forward, local-overloaded, refused or failed', ({ decision }) => decision),
    query.text('executed_by', 'name of the node that ran it; null when none did', ({ executedBy }) => executedBy?.name ?? null),
    query.text('executed_by_peer_id', 'its PeerId', ({ executedBy }) => executedBy?.peerId ?? null),
    query.number('latency_ms', 'the round trip to that node, as it stood then', ({ latencyMs }) => latencyMs),
    query.text('reason', 'why it went there', ({ reason }) => reason),
    query.text('strategy', 'that chose', ({ strategy }) => strategy),
    query.texts('failed_attempts', 'nodes that were tried before, with the code of each failure', ({ failedAttempts }) => failedAttempts.map(({ name, code }) => `${name}: ${code}`)),
    query.number('decision_us', 'how long the decision took, in microseconds', ({ decisionUs }) => decisionUs),
    query.count('row_count', 'rows that it delivered', ({ rows }) => rows),
    query.number('engine_ms', 'in the engine, where that is known', ({ engineMs }) => engineMs),
    query.text('outcome', 'ok, error or cancelled', ({ outcome }) => outcome),
    query.text('code', 'of the error', ({ code }) => code),
    query.text('trace_id', 'of its trace, where it was traced', ({ traceId }) => traceId),
  ]),
  liveTable('routes', 'what those queries come to for each database, decision and target', ({ inspection }) => summariseRoutes(inspection.recentQueries()), [
    route.text('database', 'that was asked', ({ database }) => database),
    route.text('target', 'name of the node that ran them; null where none did', ({ target }) => target?.name ?? null),
    route.text('target_peer_id', 'its PeerId', ({ target }) => target?.peerId ?? null),
    route.text('decision', 'local, forward, local-overloaded, refused or failed', ({ decision }) => decision),
    route.count('queries', 'how many', ({ queries }) => queries),
    route.count('failed', 'that ended with an error', ({ failed }) => failed),
    route.number('share', '0–1 of the queries on that database', ({ share }) => share),
    route.number('mean_ms', 'duration, from arrival to end', ({ meanMs }) => meanMs),
    route.number('p99_ms', 'likewise, by nearest rank', ({ p99Ms }) => p99Ms),
    route.text('last_reason', 'why the last of them went there', ({ lastReason }) => lastReason),
    route.time('last_at', 'when the last of them ended', ({ lastWallMs }) => lastWallMs),
  ]),
  liveTable('databases', 'every copy of every database, with the node that has it', ({ inspection }) => inspection.databases().flatMap(({ name, path, copies }) => copies.map((view) => ({ ...view, database: name, path: view.isLocal ? path : null }))), [
    copy.text('name', 'of the database', ({ database }) => database),
    copy.text('node', 'name of the node', ({ node: name }) => name),
    copy.text('peer_id', 'its PeerId', ({ peerId }) => peerId),
    copy.flag('is_local', 'it is the node that answers', ({ isLocal }) => isLocal),
    copy.text('role', 'primary or replica', ({ role }) => role),
    copy.text('engine', 'such as duckdb or postgres', ({ engine }) => engine),
    copy.flag('is_ready', 'it takes queries', ({ ready }) => ready),
    copy.text('path', 'of the copy of this node; null for the others', ({ path }) => path),
  ]),
  liveTable('alerts', 'alerts of this node that are pending, firing, or were resolved within the last hour', ({ alerts }) => alerts?.list() ?? [], [
    alert.text('rule', 'as the configuration names it', ({ rule }) => rule),
    alert.text('severity', 'warning or critical', ({ severity }) => severity),
    alert.text('subject', 'what it is about where a rule watches several', ({ subject }) => subject),
    alert.text('state', 'pending, firing or resolved', ({ state }) => state),
    alert.number('value', 'what was measured; null where the rule is a state', ({ value }) => value),
    alert.number('threshold', 'of the rule', ({ threshold }) => threshold),
    alert.text('unit', 'of both', ({ unit }) => unit),
    alert.text('summary', 'one sentence, with what to do', ({ summary }) => summary),
    alert.time('since', 'its condition holds', ({ sinceWallMs }) => sinceWallMs),
    alert.time('fired_at', 'when it fired', ({ firedAtWallMs }) => firedAtWallMs),
    alert.time('resolved_at', 'when it was resolved', ({ resolvedAtWallMs }) => resolvedAtWallMs),
  ]),
]
