import type { Command } from 'commander'
import type { ReachabilityView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly mesh?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('--mesh', 'ask every member, and show each pair whose path is degraded')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Paths, as this node's own packets tell: direct (it answers pings), indirect-only (others reach it, this node does not), inbound-only (it is heard, but
does not hear), stream-only (it answers over TCP, not over UDP), none, unknown (not probed yet). Degraded ones come first.
${examples(['rdb reachability', 'rdb reachability --mesh', "rdb reachability --json | jq '.paths[] | select(.finding != \"direct\")'"])}`)
  command.action((flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<ReachabilityView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'reachability', mesh: flags.mesh === true }, signal)
    if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
    const { reachabilityText } = await import('../reachability-report.ts')
    await context.stdout.write(reachabilityText(view, { nowWallMs: context.wallMs(), output: context.stdout }))
  }))
}
