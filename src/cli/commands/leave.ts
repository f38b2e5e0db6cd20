import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { readDuration } from '../../node/options-values.ts'
import type { LeavingView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { formatDuration } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

/** Beyond the time that the node gives running queries: for its farewell, and for closing databases. */
const closingMs = 20_000
const timeoutMsMax = 24 * 3_600_000

export interface LeaveFlags extends DataDirOption {
  readonly timeout?: string
}

export function configure(command: Command, context: CliContext): void {
  command.option('--timeout <duration>', `how long to wait until the node is gone (ms, s, m, h); its --drain and ${formatDuration(closingMs)} by default`)
  addDataDirOption(command).addHelpText('after', `
The node beside you says farewell, so that nobody waits for it, lets running queries end within its --drain, closes its databases and ends.
${examples(['rdb leave', 'rdb leave --timeout 2m'])}`)
  command.action((flags: LeaveFlags) => interruptible(context, (signal) => leave(flags, context, signal)))
}

/** Asks the node beside us to leave, and waits until it is gone. */
export async function leave(flags: LeaveFlags, context: CliContext, signal: AbortSignal): Promise<void> {
  const target = { dataDir: dataDirOf(flags, context) }
  const given = flags.timeout === undefined ? null : readDuration(flags.timeout)
  if (flags.timeout !== undefined && (given === null || given <= 0 || given > timeoutMsMax)) {
    throw new MeshError('ERR_OPTION_INVALID', `--timeout is ${JSON.stringify(flags.timeout)}; it takes a duration with its unit (ms, s, m, h) up to 24h`)
  }
  const { name, pid, inFlight, drainMs } = await ask<LeavingView>(context, target, { method: 'leave' }, signal)
  const running = inFlight === 0 ? '' : `; ${inFlight} running ${inFlight === 1 ? 'query has' : 'queries have'} ${formatDuration(drainMs)} to end`
  await context.stdout.write(`${name} leaves the mesh${running}.\n`)
  const { untilGone } = await context.parts.control()
  const waited = AbortSignal.timeout(Math.ceil(given ?? drainMs + closingMs))
  try {
    await untilGone(target, AbortSignal.any([signal, waited]))
  } catch (error) {
    if (!waited.aborted || signal.aborted) throw error
    throw new MeshError('ERR_LEAVE_TIMEOUT', `${name} was told to leave, and its process ${pid} still holds ${target.dataDir}`, {
      nextStep: `Wait on with rdb leave --timeout 5m, or end the process: kill ${pid}.`, details: { pid },
    })
  }
  await context.stdout.write(`${name} is gone.\n`)
}
