import type { Command } from 'commander'
import { STRATEGY_NAMES } from '../../core/routing/strategies/registry.ts'
import type { RoutingChange, RoutingConfigView } from '../../wire/control.ts'
import { writeDuration } from '../../node/options-values.ts'
import { intervalMsOf, thresholdOf, unlessNoNode } from '../configuration-flags.ts'
import type { CliContext, TextOutput } from '../context.ts'
import { formatDuration } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { keptText } from '../registry-call.ts'

interface Flags extends DataDirOption {
  readonly cpuThreshold?: string
  readonly memoryThreshold?: string
  readonly interval?: string
  readonly strategy?: string
  readonly save: boolean
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .option('--cpu-threshold <percent>', "CPU at which queries on it go elsewhere; default is the node's")
    .option('--memory-threshold <percent>', "memory at which queries on it go elsewhere; default is the node's")
    .option('--interval <seconds>', 'time between two pings of each member, for all databases of the node: 60, or 500ms, 2m')
    .option('--strategy <name>', `how a peer is chosen: ${STRATEGY_NAMES.join(', ')}; default is the node's`)
    .option('--no-save', 'on the running node only, and not in its configuration file')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Without a change it shows what holds. A change is checked, written into the configuration file of the node, and applied to the running node: all of it or
nothing. Where no node runs, only the file is. Thresholds and strategy are those of the node that serves the database, so run it beside each; the interval is the node's.
${examples(['rdb db:routing:config users_prod', 'rdb db:routing:config users_prod --cpu-threshold 85 --memory-threshold 95', 'rdb db:routing:config users_prod --interval 60 --strategy adaptive', 'rdb db:routing:config users_prod --cpu-threshold default'])}`)
  command.action((database: string, flags: Flags) => interruptible(context, async (signal) => {
    const change = changeOf(flags)
    const dataDir = dataDirOf(flags, context)
    const view = await unlessNoNode(dataDir,
      () => ask<RoutingConfigView>(context, { dataDir }, { method: 'routing-config', database, change, save: flags.save }, signal),
      async () => (await import('../offline-routing.ts')).routingInFile(database, { dataDir, change, save: flags.save }, context))
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : `${change === null || view.node === '' ? '' : `Changed on ${view.node}.\n`}${routingText(view, context.stdout)}`)
  }))
}

/** Null: nothing is to change. */
function changeOf(flags: Flags): RoutingChange | null {
  const cpu = thresholdOf('--cpu-threshold', flags.cpuThreshold)
  const memory = thresholdOf('--memory-threshold', flags.memoryThreshold)
  const pingIntervalMs = intervalMsOf(flags.interval)
  const change: RoutingChange = {
    ...(cpu === undefined ? {} : { cpuThresholdPercent: cpu }), ...(memory === undefined ? {} : { memoryThresholdPercent: memory }),
    // Which ones there are the node knows, that may have some of a program's own.
    ...(flags.strategy === undefined ? {} : { strategy: flags.strategy === 'default' ? null : flags.strategy }), ...(pingIntervalMs === null ? {} : { pingIntervalMs }),
  }
  return Object.keys(change).length === 0 ? null : change
}

export function routingText(view: RoutingConfigView, output: TextOutput): string {
  const { own } = view
  const whose = (key: RoutingConfigView['own'][number]): string => (own.includes(key) ? 'its own' : "the node's")
  const others = view.servers.filter((name) => name !== view.node)
  const lines: ReadonlyArray<readonly [string, string]> = [
    ['Database', view.database],
    ['Node', view.node === '' ? 'none runs' : `${view.node}${view.isServedHere ? '' : ', which does not serve it'}${others.length === 0 ? '' : `; ${view.isServedHere ? 'also served' : 'served'} by ${others.join(', ')}`}`],
    ['CPU threshold', `${view.cpuThresholdPercent}% (${whose('cpuThreshold')})`],
    ['Memory threshold', `${view.memoryThresholdPercent}% (${whose('memoryThreshold')})`],
    ['Overload ends', `${view.overloadLeaveMarginPercent} points lower, for ${formatDuration(view.overloadDwellMs)}`],
    ['Latency threshold', `${formatDuration(view.latencyThresholdMs)} (the node's)`],
    ['Strategy', `${view.strategy} (${whose('strategy')})`],
    ['Interval', `${writeDuration(view.pingIntervalMs)} (the node's, for all its databases)`],
    ...(view.isSaved === true || view.file === null ? [] : [['File', view.file] as const]),
  ]
  const text = lines.map(([title, value]) => `${output.style('bold', `${title}:`.padEnd(19))}${value}\n`).join('')
  const elsewhere = view.isServedHere ? '' : `These are what ${view.node} goes by when it sends queries on ${view.database} elsewhere. Those that decide when a copy is overloaded are set beside the nodes that serve it: ${others.join(', ')}.\n`
  return `${text}${elsewhere}${keptText(view, output)}`
}
