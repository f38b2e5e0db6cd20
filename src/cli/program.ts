/** The commands, and what every one of them has: lazy loading, usage errors, error messages, exit codes. */
import { Command, CommanderError } from 'commander'
import { didYouMean } from '../node/options-suggestion.ts'
import { type CliContext, Exit, OutputClosed } from './context.ts'
import { errorExitCode, errorText } from './error-text.ts'

interface CommandModule {
  /** Adds arguments, options, examples and the action. */
  configure(command: Command, context: CliContext): void
}

interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
  /** Not for people. */
  readonly isHidden?: true
}

const commands: readonly CommandEntry[] = [
  { name: 'start', summary: 'run a node beside its databases', load: () => import('./commands/start.ts') },
  { name: 'db:query', summary: 'run a query on the nearest healthy copy', load: () => import('./commands/db-query.ts') },
  { name: 'db:nodes', summary: 'show the nodes that serve a database', load: () => import('./commands/db-nodes.ts') },
  { name: 'db:latency', summary: 'show how far the nodes of a database are, and were', load: () => import('./commands/db-latency.ts') },
  { name: 'db:databases', summary: 'show the databases of the mesh, and who serves which copy', load: () => import('./commands/db-databases.ts') },
  { name: 'db:register', summary: 'let the node beside you serve a database from now on', load: () => import('./commands/db-register.ts') },
  { name: 'db:unregister', summary: 'let the node beside you serve a database no more', load: () => import('./commands/db-unregister.ts') },
  { name: 'db:routing:config', summary: 'show or change thresholds, strategy and interval of a database', load: () => import('./commands/db-routing-config.ts') },
  { name: 'db:measure:start', summary: 'start a node in the background, and say what it measures', load: () => import('./commands/db-measure-start.ts') },
  { name: 'db:measure:status', summary: 'show whether a node runs, and what it measures', load: () => import('./commands/db-measure-status.ts') },
  { name: 'db:measure:stop', summary: 'end the node beside you, in order', load: () => import('./commands/db-measure-stop.ts') },
  { name: 'db:measure:restart', summary: 'end the node beside you, and start it again as it was started', load: () => import('./commands/db-measure-restart.ts') },
  { name: 'db:explain-route', summary: 'show where a query would run, and why, without running it', load: () => import('./commands/db-explain-route.ts') },
  { name: 'top', summary: 'watch nodes, loads, latencies and rates live', load: () => import('./commands/top.ts') },
  { name: 'shell', summary: 'run SQL interactively, or that of a file', load: () => import('./commands/shell.ts') },
  { name: 'members', summary: 'show or watch the members of the mesh', load: () => import('./commands/members.ts') },
  { name: 'members:force-leave', summary: 'take a failed member off everywhere', load: () => import('./commands/members-force-leave.ts') },
  { name: 'monitor', summary: 'follow the events and the log of a running node', load: () => import('./commands/monitor.ts') },
  { name: 'rtt', summary: 'show the round trip between two members', load: () => import('./commands/rtt.ts') },
  { name: 'reachability', summary: 'show which members are reached, and how', load: () => import('./commands/reachability.ts') },
  { name: 'status', summary: 'show the node beside you', load: () => import('./commands/status.ts') },
  { name: 'doctor', summary: 'look for what is wrong, and say what to do', load: () => import('./commands/doctor.ts') },
  { name: 'leave', summary: 'take the node beside you out of the mesh', load: () => import('./commands/leave.ts') },
  { name: 'drill', summary: 'pin the reported load of a node, as a fire drill', load: () => import('./commands/drill.ts') },
  { name: 'keys:generate', summary: 'add a cluster key to the keyring', load: () => import('./commands/keys-generate.ts') },
  { name: 'keys:list', summary: 'show the fingerprints of the cluster keys', load: () => import('./commands/keys-list.ts') },
  { name: 'keys:install', summary: 'give the keys of the keyring to every member', load: () => import('./commands/keys-install.ts') },
  { name: 'keys:use', summary: 'put a cluster key in use everywhere', load: () => import('./commands/keys-use.ts') },
  { name: 'keys:remove', summary: 'take a cluster key out everywhere', load: () => import('./commands/keys-remove.ts') },
  { name: 'peers:list', summary: 'show the peers that are allowed and denied', load: () => import('./commands/peers-list.ts') },
  { name: 'peers:allow', summary: 'let only listed peers in', load: () => import('./commands/peers-allow.ts') },
  { name: 'peers:deny', summary: 'keep a peer out, at once', load: () => import('./commands/peers-deny.ts') },
  { name: 'completion', summary: 'print the script by which a shell completes commands', load: () => import('./commands/completion.ts') },
  { name: 'complete', summary: 'what the completion of a shell asks', load: () => import('./commands/complete.ts'), isHidden: true },
  { name: 'version', summary: 'show the version', load: () => import('./commands/version.ts') },
]

const usageExitCode = 2

/** Runs one command; resolves with its exit code. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const texts: Array<readonly ['stdout' | 'stderr', string]> = []
  const program = await createProgram(args, context, (stream, text) => texts.push([stream, text]))
  try {
    refuseHelpOnNothing(args, program)
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    return await conclude(error, texts, context)
  }
}

async function createProgram(args: readonly string[], context: CliContext, write: (stream: 'stdout' | 'stderr', text: string) => void): Promise<Command> {
  const program = new Command('rdb')
    .description('Database queries routed without a master: each runs on the nearest healthy copy.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => write('stdout', text),
      writeErr: (text) => write('stderr', text),
      outputError: (text, writeErr) => writeErr(text.replace('\n', ` (${/^error: unknown/.test(text) ? 'ERR_OPTION_UNKNOWN' : 'ERR_OPTION_INVALID'})\n`)),
      getOutHelpWidth: () => Math.max(80, context.stdout.columns()),
      getErrHelpWidth: () => Math.max(80, context.stderr.columns()),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .helpCommand('help [command]', 'show the help of a command')
    .option('-V, --version', 'show the version')
    .option('--no-color', 'plain text, as with NO_COLOR set')
    .addHelpText('after', '\nExit codes: 0 ok, 1 the SQL was refused or the output lost, 2 bad usage or configuration, 3 no node reachable, 4 timeout, 130 interrupted.\nMore on a command: rdb <command> --help')
    .showHelpAfterError('Usage: rdb <command> [options]\nnext: rdb --help lists the commands.')
    .allowExcessArguments()
  program.action(async ({ version }: { readonly version?: true }) => {
    if (version !== true) {
      if (program.args[0] !== undefined) refuseCommand(program.args[0], program)
      program.help()
    }
    const { writeVersion } = await import('./commands/version.ts')
    await writeVersion(context)
  })
  const named = args.filter((arg) => commands.some(({ name }) => name === arg))
  // What completes the line of another command looks at its options and arguments.
  const selected = named.slice(0, named[0] === 'complete' ? 2 : 1)
  for (const { name, summary, load, isHidden } of commands) {
    const command = program.command(name, { hidden: isHidden === true }).summary(summary).description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    if (selected.includes(name)) {
      const module = await load()
      // Inherited from the program, which needs them to name an unknown command.
      command.allowExcessArguments(false)
      module.configure(command, context)
      command.option('--no-color', 'plain text, as with NO_COLOR set')
      command.showHelpAfterError(`Usage: rdb ${name} ${command.usage()}\nnext: rdb ${name} --help`)
    }
  }
  return program
}

/** commander would answer with the help of the program, as if that had been asked for. */
function refuseHelpOnNothing(args: readonly string[], program: Command): void {
  const [first, topic] = args.filter((arg) => !arg.startsWith('-'))
  if (first === 'help' && topic !== undefined && !commands.some(({ name }) => name === topic)) refuseCommand(topic, program)
}

function refuseCommand(name: string, program: Command): never {
  return program.error(`error: unknown command ${JSON.stringify(name)}${didYouMean(name, commands.map((command) => command.name))}`)
}

async function conclude(error: unknown, texts: ReadonlyArray<readonly ['stdout' | 'stderr', string]>, context: CliContext): Promise<number> {
  try {
    for (const [stream, text] of texts) await context[stream].write(text)
  } catch (writeError) {
    return await report(writeError, context)
  }
  return await report(error, context)
}

async function report(error: unknown, context: CliContext): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode
  if (error instanceof OutputClosed) return 0
  if (error instanceof Exit) return error.exitCode
  await context.stderr.write(errorText(error, context))
  return errorExitCode(error)
}
