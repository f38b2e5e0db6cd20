import { setTimeout as delay } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { readDuration } from '../../node/options-values.ts'
import type { EventView, MemberView, NodeStatusView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { ordered, type SortKey, sortKeys } from '../top/order.ts'
import { type TopSample, toSnapshot } from '../top/snapshot.ts'

const intervalMsMin = 200
const intervalMsMax = 60_000

interface Flags extends DataDirOption {
  readonly interval: string
  readonly sort: SortKey
  readonly watch?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('--interval <duration>', 'between two looks (ms, s, m), 200ms to 1m', '1s')
    .addOption(new Option('--sort <by>', 'what the nodes are ordered by').choices(sortKeys).default('name'))
    .option('-w, --watch', 'elsewhere than on a terminal: one view after the other, not one alone')
    .option('--json', 'as JSON; with --watch one object a line')
  addDataDirOption(command).addHelpText('after', `
On a terminal the view is live: q leaves, the arrows left and right choose what the nodes are ordered by, r turns the order round, the arrows up and down
scroll, space pauses. Elsewhere it is one snapshot. Rates are those of the node beside you, over one interval; the rest is of all nodes, as it knows them.
${examples(['rdb top', 'rdb top --sort cpu --interval 500ms', 'rdb top | head -20', 'rdb top --json --watch | jq -c .rates'])}`)
  command.action((flags: Flags) => top(flags, context))
}

async function top(flags: Flags, context: CliContext): Promise<void> {
  const intervalMs = readDuration(flags.interval)
  if (intervalMs === null || intervalMs < intervalMsMin || intervalMs > intervalMsMax) throw new MeshError('ERR_OPTION_INVALID', `--interval is ${JSON.stringify(flags.interval)}; it takes a duration with its unit from 200ms to 1m`)
  const dataDir = dataDirOf(flags, context)
  const look = async (signal: AbortSignal): Promise<TopSample> => {
    const [status, members] = await Promise.all([ask<NodeStatusView>(context, { dataDir }, { method: 'status' }, signal), ask<readonly MemberView[]>(context, { dataDir }, { method: 'members' }, signal)])
    return { status, members, atWallMs: context.wallMs(), atMs: context.nowMs() }
  }
  if (context.stdin.isTerminal && context.stdout.isTerminal && flags.json !== true) {
    const [{ runTerminalView }, { eventLine }] = await Promise.all([import('../top/terminal-view.ts'), import('../event-text.ts')])
    return await runTerminalView(context, {
      look,
      async *events(signal) {
        const { callControl } = await context.parts.control()
        for await (const event of callControl({ dataDir }, { method: 'events', snapshot: false }, signal)) yield eventLine(event as EventView, { ...context.stdout, style: (_style, text) => text })
      },
    }, { intervalMs, sort: flags.sort })
  }
  await interruptible(context, (signal) => tell({ look, intervalMs, flags }, context, signal))
}

/** Each view has the rates since the look before it. */
async function tell({ look, intervalMs, flags }: { readonly look: (signal: AbortSignal) => Promise<TopSample>; readonly intervalMs: number; readonly flags: Flags }, { stdout }: CliContext, signal: AbortSignal): Promise<void> {
  const { snapshotText } = await import('../top/screen.ts')
  let before = await look(signal)
  do {
    await delay(intervalMs, undefined, { signal })
    const sample = await look(signal)
    const snapshot = toSnapshot(sample, before)
    const nodes = ordered(snapshot.nodes, { key: flags.sort, isReversed: false })
    before = sample
    await stdout.write(flags.json === true ? `${JSON.stringify({ ...snapshot, nodes }, null, flags.watch === true ? 0 : 2)}\n` : `${snapshotText(snapshot, nodes, { columns: stdout.columns(), output: stdout })}${flags.watch === true ? '\n' : ''}`)
  } while (flags.watch === true)
}
