import { createRequire } from 'node:module'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'

export function configure(command: Command, context: CliContext): void {
  command.action(() => writeVersion(context))
}

export async function writeVersion({ stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await stdout.write(`rdb ${packageVersion()} (node ${process.versions.node})\n`)
}

function packageVersion(): string {
  const { version } = createRequire(import.meta.url)('../../../package.json') as { readonly version: string }
  return version
}
