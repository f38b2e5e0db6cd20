import { existsSync } from 'node:fs'
import { Option, type Command } from 'commander'
import type { StartFile } from '../../adapters/files/start-file.ts'
import { MeshError } from '../../errors.ts'
import type { NodeOptions, OptionSources } from '../../node/options.ts'
import { CONFIG_ENV } from '../../node/options-table.ts'
import { softwareVersion } from '../../node/version.ts'
import type { KeysView, MemberView, NodeStatusView, ReachabilityView } from '../../wire/control.ts'
import { type CliContext, Exit, type Style } from '../context.ts'
import { fail, type Finding, type Level, ok } from '../doctor/finding.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

const levelStyles: Readonly<Record<Level, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' }
const levels: readonly Level[] = ['ok', 'warn', 'fail']

interface Flags extends DataDirOption {
  readonly config?: string
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .addOption(new Option('--config <file>', 'configuration file of the node (env REEDBASE_CONFIG)'))
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Looks at the host, the configuration, the data folder and, where a node runs on it, at the mesh as that node knows it; without one, at the ports that it
would take and the seeds that it would dial if it were started as it was last, or else as configured. Changes nothing. Exit code 1 when something
fails, 0 when all is well or merely to be noted.
${examples(['rdb doctor', 'rdb doctor --config /etc/reedbase.yaml', `rdb doctor --json | jq '.findings[] | select(.level != "ok")'`])}`)
  command.action((flags: Flags) => interruptible(context, async (signal) => {
    const findings = await examine(flags, context, signal)
    await context.stdout.write(flags.json === true ? json(findings) : text(findings, context))
    if (findings.some(({ level }) => level === 'fail')) throw new Exit(1)
  }))
}

async function examine(flags: Flags, context: CliContext, signal: AbortSignal): Promise<Finding[]> {
  const [host, folder, network] = await Promise.all([import('../doctor/host-checks.ts'), import('../doctor/folder-checks.ts'), import('../doctor/network-checks.ts')])
  const given = await configuration(flags, context)
  const dataDir = flags.dataDir === undefined ? given.options?.dataDir ?? dataDirOf(flags, context) : dataDirOf(flags, context)
  const state = await folder.examineFolder(dataDir)
  const isNamed = flags.config !== undefined || context.env[CONFIG_ENV] !== undefined
  const { options, finding } = isNamed || given.options === null || state.lastStart === null ? given : await lastConfiguration(state.lastStart, dataDir)
  const answers = state.isAnswering ? await askNode(context, dataDir, signal) : null
  const pid = state.isAnswering ? state.runtime?.pid ?? null : null
  const mesh = answers === null ? [] : answers instanceof MeshError ? [fail('node', answers.message, answers.nextStep)] : (await import('../doctor/mesh-checks.ts')).meshFindings(answers, { version: softwareVersion })
  const outside = answers !== null || options === null ? [] : [
    ...await network.portFindings(options.listen),
    ...(typeof options.http.listen === 'object' ? [await network.httpPortFinding(options.http.listen)] : []),
    ...await network.seedFindings(options.seeds),
  ]
  const found = [
    ...await host.softwareFindings(), finding, ...state.findings, ...mesh, ...outside, host.yearFinding(context.wallMs()),
    state.exists ? await host.diskFinding(dataDir) : null, await host.filesFinding(pid), await host.udpBufferFinding(),
  ].filter((one) => one !== null)
  // What belongs together stands together, in the order in which it first came.
  const areas = [...new Set(found.map(({ area }) => area))]
  return areas.flatMap((area) => found.filter((one) => one.area === area))
}

interface Configuration {
  readonly options: NodeOptions | null
  readonly finding: Finding
}

function configuration(flags: Flags, { env, cwd }: CliContext): Promise<Configuration> {
  return load(() => ({ flags: { ...(flags.config === undefined ? {} : { config: flags.config }), ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }) }, env, cwd }), 'there is no file, and the environment is valid')
}

/** With which a node ran on the folder, and would again: not with what this shell happens to have. */
async function lastConfiguration({ args, env, cwd }: StartFile, dataDir: string): Promise<Configuration> {
  const { startFlagsOf } = await import('./start.ts')
  return await load(() => ({ flags: { ...startFlagsOf(args, 'start.json'), dataDir }, env, cwd }), 'there is no file, and what the node was started with is valid')
}

async function load(sources: () => OptionSources, withoutFile: string): Promise<Configuration> {
  const { loadNodeConfiguration } = await import('../../node/options.ts')
  try {
    const { options, file } = loadNodeConfiguration(sources())
    return { options, finding: ok('configuration', existsSync(file) ? `${file} is valid` : withoutFile) }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { options: null, finding: fail('configuration', error.message, error.nextStep) }
  }
}

async function askNode(context: CliContext, dataDir: string, signal: AbortSignal): Promise<{ readonly status: NodeStatusView; readonly members: readonly MemberView[]; readonly keys: KeysView; readonly reachability: ReachabilityView } | MeshError> {
  const target = { dataDir }
  try {
    const [status, members, keys, reachability] = await Promise.all([
      ask<NodeStatusView>(context, target, { method: 'status' }, signal), ask<readonly MemberView[]>(context, target, { method: 'members' }, signal),
      ask<KeysView>(context, target, { method: 'keys-list', mesh: true }, signal), ask<ReachabilityView>(context, target, { method: 'reachability', mesh: true }, signal),
    ])
    return { status, members, keys, reachability }
  } catch (error) {
    if (error instanceof MeshError && !signal.aborted) return error
    throw error
  }
}

function json(findings: readonly Finding[]): string {
  return `${JSON.stringify({ ok: findings.every(({ level }) => level !== 'fail'), counts: Object.fromEntries(levels.map((level) => [level, count(findings, level)])), findings }, null, 2)}\n`
}

function text(findings: readonly Finding[], { stdout }: CliContext): string {
  const width = Math.max(...findings.map(({ area }) => area.length))
  const indent = ' '.repeat(6 + width + 1)
  const room = stdout.isTerminal ? Math.max(20, stdout.columns() - indent.length) : Infinity
  const lines = findings.flatMap(({ area, level, text: what, remedy }) => [
    ...wrapped(what, room).map((line, index) => `${index === 0 ? `${stdout.style(levelStyles[level], level.padEnd(5))} ${area.padEnd(width)} ` : indent}${line}`),
    ...(remedy === null ? [] : wrapped(`→ ${remedy}`, room).map((line) => `${indent}${stdout.style('cyan', line)}`)),
  ])
  const [warnings, failures] = [count(findings, 'warn'), count(findings, 'fail')]
  const verdict = failures > 0 ? stdout.style('red', `${failures} ${failures === 1 ? 'failure' : 'failures'}`) : stdout.style('green', 'nothing fails')
  return `${lines.join('\n')}\n${findings.length} findings: ${verdict}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}.\n`
}

function count(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length
}

/** Between words; a longer word stays whole, so that it can be copied. */
function wrapped(what: string, room: number): string[] {
  const lines: string[] = []
  for (const word of what.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
