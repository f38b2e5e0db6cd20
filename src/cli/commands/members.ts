import { Option, type Command } from 'commander'
import type { MemberState } from '../../core/membership/types.ts'
import { MeshError } from '../../errors.ts'
import { type EventView, isMemberEvent, type MemberEventView, type MemberView } from '../../wire/control.ts'
import type { CliContext, Style, TextOutput } from '../context.ts'
import { formatDuration, formatTime, shortPeerId } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

const states: readonly MemberState[] = ['joining', 'alive', 'suspect', 'failed', 'left']

interface Flags extends DataDirOption {
  readonly watch?: true
  readonly json?: true
  readonly wide?: true
  readonly state?: readonly MemberState[]
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('-w, --watch', 'print membership events as they happen, after one for each member known now')
    .addOption(new Option('--state <state>', 'only members in this state; repeatable').choices(states).argParser(collectState))
    .option('--wide', 'whole PeerIds')
    .option('--json', 'the members as a JSON array; with --watch one JSON object a line')
  addDataDirOption(command).addHelpText('after', examples(['rdb members', 'rdb members --state failed --state suspect', 'rdb members --watch --json | jq .reason']))
  command.action((flags: Flags) => interruptible(context, (signal) => (flags.watch === true ? watch(flags, context, signal) : list(flags, context, signal))))
}

function collectState(text: string, previous: MemberState[] | undefined): MemberState[] {
  if (!(states as readonly string[]).includes(text)) throw new MeshError('ERR_OPTION_INVALID', `--state is ${JSON.stringify(text)}; it takes ${states.join(', ')}`)
  return [...(previous ?? []), text as MemberState]
}

async function list(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const all = await ask<readonly MemberView[]>(context, { dataDir: dataDirOf(flags, context) }, { method: 'members' }, signal)
  const members = flags.state === undefined ? all : all.filter(({ state }) => flags.state?.includes(state))
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(members, null, 2)}\n`)
  const { membersTable } = await import('../members-table.ts')
  await context.stdout.write(membersTable(members, { wide: flags.wide === true, nowWallMs: context.wallMs(), output: context.stdout }))
}

async function watch(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const { callControl } = await context.parts.control()
  for await (const payload of callControl({ dataDir: dataDirOf(flags, context) }, { method: 'events', snapshot: true }, signal)) {
    const event = payload as EventView
    if (flags.state !== undefined && !(isMemberEvent(event) && flags.state.some((state) => state === stateAfter(event)))) continue
    await context.stdout.write(`${flags.json === true ? JSON.stringify(event) : eventLine(event, context.stdout)}\n`)
  }
  throw new MeshError('ERR_NO_NODE', 'the node ended the stream of events; it is shutting down')
}

/** Null for events that leave the state as it was. */
function stateAfter({ type }: MemberEventView): MemberState | null {
  switch (type) {
    case 'member-returning':
    case 'member-failed': return 'failed'
    case 'member-left': return 'left'
    case 'member-suspected': return 'suspect'
    case 'member-joined':
    case 'member-updated':
    case 'member-refuted': return 'alive'
    case 'member-flapping':
    case 'member-settled':
    case 'path-degraded':
    case 'path-restored': return null
  }
}

const eventStyles: Readonly<Record<EventView['type'], Style>> = {
  'member-joined': 'green', 'member-updated': 'cyan', 'member-suspected': 'yellow', 'member-refuted': 'green', 'member-failed': 'red', 'member-left': 'dim',
  'member-returning': 'cyan', 'member-flapping': 'yellow', 'member-settled': 'green', 'path-degraded': 'yellow', 'path-restored': 'green',
  'partition-suspected': 'red', 'partition-healed': 'green', 'partition-ended': 'dim', 'quorum-lost': 'red', 'quorum-regained': 'green',
  'name-conflict': 'yellow', 'name-conflict-ended': 'green',
}

/** When, what, who, why, on whose word. */
export function eventLine(event: EventView, output: TextOutput): string {
  const { type, atWallMs, reason } = event
  const start = `${formatTime(atWallMs)} ${output.style(eventStyles[type], type.padEnd('member-suspected'.length))}`
  if (!isMemberEvent(event)) return `${start} ${reason}`
  const { name, record, from, sinceProbeMs } = event
  const took = sinceProbeMs === null ? '' : `, ${formatDuration(sinceProbeMs)} after the probe`
  return `${start} ${name} ${shortPeerId(record.peerId)}: ${reason} (from ${shortPeerId(from)}${took})`
}
