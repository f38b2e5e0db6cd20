import type { Command } from 'commander'
import type { NodeStatusView, PartitionStatusView } from '../../wire/control.ts'
import type { CliContext, TextOutput } from '../context.ts'
import { formatBytes, formatCount, formatDuration, formatPercent, formatTime } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { drillMark } from '../state-text.ts'
import { watch } from '../watch.ts'

const watchIntervalMs = 1_000

interface Flags extends DataDirOption {
  readonly watch?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('-w, --watch', 'once a second: redrawn on a terminal, one after the other elsewhere')
    .option('--json', 'as JSON, with every counter; with --watch one object a line')
  addDataDirOption(command).addHelpText('after', examples(['rdb status', 'rdb status --watch', 'rdb status --json | jq .counters']))
  command.action(async (flags: Flags) => {
    const show = async (signal: AbortSignal): Promise<string> => {
      const status = await ask<NodeStatusView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'status' }, signal)
      return flags.json === true ? `${JSON.stringify(status, null, flags.watch === true ? 0 : 2)}\n` : statusLines(status, context.stdout)
    }
    if (flags.watch === true) await watch(context, { intervalMs: watchIntervalMs, isRedrawn: flags.json !== true }, show)
    await interruptible(context, async (signal) => { await context.stdout.write(await show(signal)) })
  })
}

export function statusLines(status: NodeStatusView, output: TextOutput): string {
  const { load } = status
  const members = Object.entries(status.members).filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`)
  const databases = status.databases.map(({ name, role, engine, ready, lagMs }) => `${name} (${role}, ${engine}${ready ? '' : ', not ready'}${typeof lagMs === 'number' ? `, ${formatDuration(lagMs)} behind` : ''})`)
  const lines: ReadonlyArray<readonly [string, string]> = [
    ['Name', `${status.name}, ${status.state}${status.nameConflict ? `; ${output.style('yellow', 'another member has the same name')}: give each node a --name of its own` : ''}`],
    ['PeerId', status.peerId],
    ['Process', `${status.pid}, version ${status.version}, up ${formatDuration(status.uptimeMs)}`],
    ['Listens on', [...status.listen.tcpMultiaddrs, `udp ${status.listen.udp}`].join(', ')],
    ...(status.http === null ? [] : [['HTTP', status.http] as const]),
    ['Databases', databases.length === 0 ? 'none' : databases.join(', ')],
    ['Load', `CPU ${formatPercent(load.cpuPercent)}, memory ${formatPercent(load.memoryPercent)}, ${load.inFlight} in flight${drillMark(load.drill)}${load.overloaded ? `, ${output.style('yellow', 'overloaded')}` : ''}`],
    ['Members', members.join(', ')],
    ['Quorum', quorumText(status, output)],
    ['Health', healthText(status, output)],
    ['Alerts', alertsText(status, output)],
    ...(status.partition === null ? [] : [['Partition', partitionText(status.partition, output)] as const]),
  ]
  return [...lines, ...counterLines(status.counters)].map(([title, text]) => `${output.style('bold', `${title}:`.padEnd(11))} ${text}\n`).join('')
}

/** Lifeguard's local health, as what it means. */
function healthText({ localHealth: { score, max } }: NodeStatusView, output: TextOutput): string {
  if (score === 0) return `good (0 of ${max})`
  return `${output.style('yellow', score >= max ? 'bad' : 'impaired')} (${score} of ${max}): this node misses answers or runs late, and waits ${score + 1} times as long before it accuses another`
}

/** What operators look at first, in groups; all of them are in the JSON. */
function counterLines(counters: NodeStatusView['counters']): ReadonlyArray<readonly [string, string]> {
  const of = (name: string): number => counters[name] ?? 0
  const told = (name: string, one: string, many = one): string => `${formatCount(of(name))} ${of(name) === 1 ? one : many}`
  const dropped = Object.entries(counters).filter(([name]) => name.startsWith('datagramsDropped')).reduce((sum, [, count]) => sum + count, 0)
  return [
    ['Probes', `${told('membershipPingsSent', 'ping', 'pings')}, ${told('membershipAcksReceived', 'ack', 'acks')}, ${formatCount(of('membershipPingsLost'))} lost; ${told('membershipPingRequestsSent', 'indirect ping', 'indirect pings')}, ${told('membershipIndirectAcks', 'of them helped')}`],
    ['Suspicions', `${formatCount(of('membershipSuspicionsRaised'))} raised here, ${formatCount(of('membershipRefutations'))} refuted, ${formatCount(of('membershipSelfRefutations'))} about this node; ${told('membershipFailuresDeclared', 'failure', 'failures')} declared here`],
    ['Topology', `${told('membershipTopologyChanges', 'change', 'changes')}, ${told('membershipFlapsDamped', 'member', 'members')} found flapping, ${told('partitionsSuspected', 'partition', 'partitions')} suspected`],
    ['Gossip', `${told('membershipGossipPacketsSent', 'packet', 'packets')} sent, ${formatCount(of('membershipGossipPacketsReceived'))} received; ${told('gossipAnnouncementsSent', 'announcement', 'announcements')} sent, ${formatCount(of('gossipAnnouncementsReceived'))} received; ${told('gossipSyncs', 'sync', 'syncs')}`],
    ['Datagrams', `${told('datagramsSent', 'sent')} (${formatBytes(of('datagramsSentBytes'))}), ${told('datagramsReceived', 'received')} (${formatBytes(of('datagramsReceivedBytes'))}), ${formatCount(dropped)} dropped`],
  ]
}

const policyTexts = { 'serve': 'serves all queries', 'read-only': 'refuses writes', 'refuse': 'refuses all queries' } as const

function quorumText({ quorum: { hasQuorum, reachable, known, needed, policy } }: NodeStatusView, output: TextOutput): string {
  const count = `${reachable} of ${known} members here, ${needed} needed`
  return hasQuorum ? `yes, ${count}` : `${output.style('red', 'lost')}, ${count}; this node ${policyTexts[policy]}`
}

function partitionText({ partition, sinceWallMs, away, lost, reachable }: PartitionStatusView, output: TextOutput): string {
  return `${output.style('red', 'suspected')} since ${formatTime(sinceWallMs)} (${partition}): ${away} away of ${lost} lost, ${reachable} here`
}

function alertsText({ alerts }: NodeStatusView, output: TextOutput): string {
  if (alerts.length === 0) return 'none'
  return alerts.map(({ severity, summary, sinceWallMs }) => `${output.style(severity === 'critical' ? 'red' : 'yellow', severity)} since ${formatTime(sinceWallMs)}: ${summary}`).join(`\n${' '.repeat(12)}`)
}
