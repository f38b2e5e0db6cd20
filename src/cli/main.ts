/** The entry: runs a command, says what went wrong, ends with its exit code. */
import { exitProcess } from '../adapters/system/abandoned-work.ts'
import { processContext } from './context.ts'
import { run } from './program.ts'

/** `argv` as the process has it, with the two paths in front. Ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const args = argv.slice(2)
  const exitCode = await run(args, processContext(args))
  // Every write was awaited, so nothing is lost; what a library left open must not keep a finished command alive.
  exitProcess(exitCode)
}
