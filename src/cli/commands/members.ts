import type { Command } from 'commander'
import type { EventView, MemberView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { eventLine } from '../event-text.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { addFilterOptions, type FilterFlags, matchesEvent, matchesMember } from '../member-filter.ts'
import { untilNodeStops } from '../node-stream.ts'

interface Flags extends DataDirOption, FilterFlags {
  readonly watch?: true
  readonly json?: true
  readonly wide?: true
}

export function configure(command: Command, context: CliContext): void {
  command.option('-w, --watch', 'print events of members and of the mesh as they happen, after one for each member that has not left')
  addFilterOptions(command)
    .option('--wide', 'whole PeerIds, and zones')
    .option('--json', 'the members as a JSON array; with --watch one JSON object a line')
  addDataDirOption(command).addHelpText('after', `
Filters go together: a member is shown when it fits each of them. With one, a watch prints only events about such members.
A watch ends with exit code 0 when the node stops, and with 3 when it is gone without a word.
${examples(['rdb members', 'rdb members --state failed,suspect', 'rdb members --zone paris/r2 --database users', 'rdb members --watch --json | jq .reason'])}`)
  command.action((flags: Flags) => interruptible(context, (signal) => (flags.watch === true ? watch(flags, context, signal) : list(flags, context, signal))))
}

async function list(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const all = await ask<readonly MemberView[]>(context, { dataDir: dataDirOf(flags, context) }, { method: 'members' }, signal)
  const members = all.filter((member) => matchesMember(flags, member))
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(members, null, 2)}\n`)
  const { membersTable } = await import('../members-table.ts')
  await context.stdout.write(membersTable(members, { wide: flags.wide === true, nowWallMs: context.wallMs(), output: context.stdout }))
}

async function watch(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  for await (const payload of untilNodeStops(context, dataDirOf(flags, context), { method: 'events', snapshot: true }, signal)) {
    const event = payload as EventView
    if (matchesEvent(flags, event)) await context.stdout.write(`${flags.json === true ? JSON.stringify(event) : eventLine(event, context.stdout)}\n`)
  }
  if (flags.json !== true) await context.stderr.write('The node has stopped.\n')
}
