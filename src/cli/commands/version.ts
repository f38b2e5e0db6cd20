import type { Command } from 'commander'
import { softwareVersion } from '../../node/version.ts'
import type { CliContext } from '../context.ts'

export function configure(command: Command, context: CliContext): void {
  command.action(() => writeVersion(context))
}

export async function writeVersion({ stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await stdout.write(`rdb ${softwareVersion} (node ${process.versions.node})\n`)
}
