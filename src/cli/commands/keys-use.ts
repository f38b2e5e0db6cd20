import type { Command } from 'commander'
import type { KeysView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { reportStep } from '../keys-report.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command.argument('<fingerprint>', 'the key, by the first digits of its fingerprint').option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Every member offers this key first to whom it dials and seals its datagrams with it. The other keys are still taken.
${examples(['rdb keys:use 3f9a0c2e'])}`)
  command.action((fingerprint: string, flags: Flags) => interruptible(context, (signal) => use(fingerprint, flags, context, signal)))
}

async function use(fingerprint: string, flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const view = await ask<KeysView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'keys-use', fingerprint }, signal)
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
  const [inUse = '', ...others] = view.fingerprints
  const next = others.length === 0 ? 'nothing: it is the only key.' : `rdb keys:remove ${others[0] ?? ''} takes the old key out everywhere.`
  await reportStep(view, `The key ${inUse} is in use`, next, context)
}
