import type { Command } from 'commander'
import type { KeysView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { reportStep } from '../keys-report.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command.option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Takes the keys that rdb keys:generate has added to the keyring file, and gives every key of this node to every member. None of them is in use by
that; each member stores them before it confirms.
${examples(['rdb keys:generate', 'rdb keys:install'])}`)
  command.action((flags: Flags) => interruptible(context, (signal) => install(flags, context, signal)))
}

async function install(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const view = await ask<KeysView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'keys-install' }, signal)
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
  const [inUse, ...others] = view.fingerprints
  const next = others.length === 0 ? 'rdb keys:generate adds a key.' : `rdb keys:use ${others.at(-1) ?? ''} puts the new key in use everywhere, in the place of ${inUse ?? ''}.`
  await reportStep(view, `${view.fingerprints.length} ${others.length === 0 ? 'key is' : 'keys are'} held`, next, context)
}
