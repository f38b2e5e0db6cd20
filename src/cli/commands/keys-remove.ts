import type { Command } from 'commander'
import type { KeysView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { reportStep } from '../keys-report.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
  readonly force?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<fingerprint>', 'the key, by the first digits of its fingerprint')
    .option('--force', 'also when a member that counts as up does not say which key it uses')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Refused while a member uses the key. A node that holds only this key is kept out from then on, until the keyring file is copied to it.
${examples(['rdb keys:remove 81d2e7aa'])}`)
  command.action((fingerprint: string, flags: Flags) => interruptible(context, (signal) => remove(fingerprint, flags, context, signal)))
}

async function remove(fingerprint: string, flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const view = await ask<KeysView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'keys-remove', fingerprint, force: flags.force === true }, signal)
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
  await reportStep(view, `The key ${view.removed.at(-1) ?? fingerprint} is removed`, 'nothing; rdb keys:list --mesh shows the result.', context)
}
