/** What a running node knows: its own health, and whether the others have the same keys, versions and time, and are reached both ways over TCP and UDP. */
import { overloadConsequence } from '../../node/overload-consequence.ts'
import type { KeysView, MemberView, NodeStatusView, ReachabilityView } from '../../wire/control.ts'
import { formatDuration } from '../format.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

/** From snapshots that were under way for a moment. */
const skewMsNoted = 2_000
const skewMsHarmful = 30_000
const listedMax = 5

export interface MeshAnswers {
  readonly status: NodeStatusView
  readonly members: readonly MemberView[]
  readonly keys: KeysView
  readonly reachability: ReachabilityView
}

export function meshFindings({ status, members, keys, reachability }: MeshAnswers, { version }: { readonly version: string }): Finding[] {
  return [...nodeFindings({ status, members }, { version }), ...versionFindings(members), ...clockFindings(members), ...keyFindings(keys), ...pathFindings(reachability)]
}

function nodeFindings({ status, members }: Pick<MeshAnswers, 'status' | 'members'>, { version }: { readonly version: string }): Finding[] {
  const { quorum, partition, localHealth, databases, load, nameConflict, listen, http } = status
  return [
    ok('ports', `the node listens on ${[...listen.tcpMultiaddrs, `udp ${listen.udp}`, ...(http === null ? [] : [http])].join(', ')}`),
    status.version === version ? null : warn('versions', `the node runs version ${status.version}, and this is ${version}`, 'Restart the node: rdb leave, then rdb start.'),
    quorum.hasQuorum ? ok('mesh', `quorum: ${quorum.reachable} of ${quorum.known} members are here`) : fail('mesh', `quorum is lost: ${quorum.reachable} of ${quorum.known} members are here, ${quorum.needed} are needed`, 'rdb members --state failed shows who is missing; rdb members:force-leave takes off who will not come back.'),
    partition === null ? null : fail('mesh', `a partition: ${partition.away} members are away`, 'rdb reachability --mesh shows who reaches whom.'),
    localHealth.score === 0 ? null : warn('mesh', `this node runs late or misses answers (local health ${localHealth.score} of ${localHealth.max})`, 'rdb top shows its load; give it more CPU, or less to do.'),
    load.overloaded ? warn('mesh', `this node is overloaded (CPU ${Math.round(load.cpuPercent)} %, memory ${Math.round(load.memoryPercent)} %)${load.drill ? ', by a drill' : ''}`, load.drill ? 'rdb drill --end' : `${['rdb top shows its load', overloadConsequence(members)].filter((text) => text !== null).join('; ')}.`) : null,
    nameConflict ? warn('mesh', `another member is called ${status.name} too`, 'Give each node a --name of its own.') : null,
    ...databases.filter(({ ready }) => !ready).map(({ name }) => fail('databases', `${name} is not ready here`, 'rdb monitor shows why, as does the log.')),
  ].filter((finding) => finding !== null)
}

function versionFindings(members: readonly MemberView[]): Finding[] {
  const up = members.filter(({ state }) => state === 'alive' || state === 'suspect')
  const software = [...new Set(up.map(({ record }) => record.softwareVersion))].sort()
  const wire = [...new Set(up.map(({ record }) => record.wireVersion))].sort()
  const who = (of: (member: MemberView) => string | number): string => listed(up.map((member) => `${member.name} ${of(member)}`))
  if (wire.length > 1) return [warn('versions', `members speak different wire versions: ${who(({ record }) => record.wireVersion)}`, 'Bring all to the newer one, node by node.')]
  if (software.length > 1) return [warn('versions', `members run different versions: ${who(({ record }) => record.softwareVersion)}`, 'That is fine while a new version is rolled out; then bring all to the newer one.')]
  return [ok('versions', `${up.length === 1 ? 'this member runs' : `all ${up.length} members run`} version ${software[0] ?? ''}, wire version ${wire[0] ?? ''}`)]
}

function clockFindings(members: readonly MemberView[]): Finding[] {
  const told = members.flatMap(({ name, clockAheadMs }) => (typeof clockAheadMs === 'number' ? [{ name, aheadMs: clockAheadMs }] : []))
  if (told.length === 0) return []
  const off = told.filter(({ aheadMs }) => Math.abs(aheadMs) >= skewMsNoted)
  if (off.length === 0) return [ok('clock', `agrees with ${told.length} ${told.length === 1 ? 'other member' : 'other members'} within ${formatDuration(skewMsNoted)}`)]
  const remedy = 'Let a time service keep the clocks: timedatectl set-ntp true; timedatectl timesync-status shows its state.'
  // Where most differ in the same direction the odd one is here.
  const isHere = off.length > told.length / 2 && (off.every(({ aheadMs }) => aheadMs > 0) || off.every(({ aheadMs }) => aheadMs < 0)) && told.length > 1
  const text = isHere
    ? `the clock of this host is ${formatDuration(Math.abs(off[0]?.aheadMs ?? 0))} ${(off[0]?.aheadMs ?? 0) > 0 ? 'ahead of' : 'behind'} those of ${off.length} of ${told.length} other members`
    : `clocks differ: ${listed(off.map(({ name, aheadMs }) => `${name} is ${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'behind' : 'ahead'}`))}`
  return [off.some(({ aheadMs }) => Math.abs(aheadMs) >= skewMsHarmful) ? fail('clock', text, remedy) : warn('clock', text, remedy)]
}

function keyFindings({ members }: KeysView): Finding[] {
  const asked = members.filter(({ isUp }) => isUp)
  const silent = asked.filter(({ fingerprints }) => fingerprints === null)
  const differing = asked.filter(({ fingerprints, agrees }) => fingerprints !== null && !agrees)
  return [
    ...(differing.length === 0 ? [] : [fail('keys', `${listed(differing.map(({ name }) => name))} ${differing.length === 1 ? 'has' : 'have'} other keys than this node, or another one in use`, 'rdb keys:list --mesh shows them; rdb keys:install gives this node’s to all.')]),
    ...(silent.length === 0 ? [] : [warn('keys', `${listed(silent.map(({ name, problem }) => `${name}: ${problem ?? 'no answer'}`))}`, 'rdb keys:list --mesh asks again.')]),
    ...(asked.length > 0 && differing.length + silent.length === 0 ? [ok('keys', `${asked.length === 1 ? 'the other member has' : `all ${asked.length} other members have`} the same`)] : []),
  ]
}

const pathTexts = { 'inbound-only': 'is heard, and does not answer over UDP', 'indirect-only': 'is reached by others only', 'stream-only': 'answers over TCP, not over UDP', 'none': 'is not reached at all' } as const

function pathFindings({ paths, mesh }: ReachabilityView): Finding[] {
  const up = paths.filter(({ state, denied }) => !denied && (state === 'alive' || state === 'suspect'))
  const bad = up.flatMap(({ name, finding, udp }) => (finding === 'direct' || finding === 'unknown' ? [] : [{ name, udp, text: pathTexts[finding] }]))
  const own = bad.slice(0, listedMax).map(({ name, udp, text }) => fail('reachability', `${name} ${text}`, `Open port ${udp.slice(udp.lastIndexOf(':') + 1)} for udp and tcp between here and ${udp}, in both directions; rdb reachability tells more.`))
  const others = mesh === null || mesh.degraded.length === 0 ? [] : [warn('reachability', `${mesh.degraded.length + mesh.omitted === 1 ? '1 path between members is' : `${mesh.degraded.length + mesh.omitted} paths between members are`} degraded: ${listed(mesh.degraded.map(({ from, to, finding }) => `${from} → ${to} ${finding}`))}`, 'rdb reachability --mesh')]
  const silent = mesh === null || mesh.silent.length === 0 ? [] : [warn('reachability', `${listed(mesh.silent.map(({ name }) => name))} did not say whom they reach`, 'rdb reachability --mesh asks again.')]
  const all = [...own, ...others, ...silent]
  if (all.length > 0) return all
  return up.length === 0 ? [warn('reachability', 'this node knows no other member', 'Give it a --seed, unless it is meant to be alone.')] : [ok('reachability', `${up.length === 1 ? 'the other member is' : `all ${up.length} other members are`} reached over UDP and TCP, and ${up.length === 1 ? 'reaches' : 'reach'} this node`)]
}

function listed(items: readonly string[]): string {
  return items.length <= listedMax ? items.join(', ') : `${items.slice(0, listedMax).join(', ')} and ${items.length - listedMax} more`
}
