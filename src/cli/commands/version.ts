import type { Command } from 'commander'
import { softwareVersion } from '../../node/version.ts'
import { wireVersion } from '../../wire/cluster.ts'
import type { CliContext } from '../context.ts'
import { examples } from '../local-node.ts'

export function configure(command: Command, context: CliContext): void {
  command.option('--json', 'as JSON, with wire version and platform').addHelpText('after', examples(['rdb version', 'rdb version --json | jq .wire']))
  command.action(({ json }: { readonly json?: true }) => (json === true ? writeAll(context) : writeVersion(context)))
}

export async function writeVersion({ stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await stdout.write(`rdb ${softwareVersion} (node ${process.versions.node})\n`)
}

/** `wire`: of what is spoken between members; neighbours understand each other. */
async function writeAll({ stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  const { platform, arch, versions } = process
  await stdout.write(`${JSON.stringify({ software: softwareVersion, wire: wireVersion, node: versions.node, platform: `${platform}-${arch}` }, null, 2)}\n`)
}
