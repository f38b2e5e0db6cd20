/** Work of the operating system that nobody waits for any longer and that cannot be called off. The end of a process would wait for it, for ever. */

let abandoned = 0

/** The promise must not reject. */
export function handleAbandoned(work: Promise<unknown>): void {
  abandoned++
  void work.finally(() => { abandoned-- })
}

export function abandonedWork(): number {
  return abandoned
}

/**
 * Ends the process with that code. With work abandoned it becomes a shell that exits, as `process.exit` joins the threads that are stuck; where Node
 * cannot do that (before 22.15), it is killed, and the code is lost.
 */
export function exitProcess(exitCode: number): never {
  if (abandoned === 0) process.exit(exitCode)
  try {
    process.execve?.('/bin/sh', ['sh', '-c', `exit ${exitCode}`], {})
  } finally {
    process.kill(process.pid, 'SIGKILL')
  }
  process.exit(exitCode)
}
