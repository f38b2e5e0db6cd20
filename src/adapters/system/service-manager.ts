/**
 * Tells a service manager how the process is (sd_notify(3)): ready, or stopping. Through `systemd-notify`, which every system with systemd has,
 * since Node has no datagrams on Unix sockets; the unit needs `NotifyAccess=all` for it. Elsewhere nothing happens.
 */
import { execFile } from 'node:child_process'
import type { Log } from '../../ports/log.ts'

const timeoutMs = 5_000

export interface ServiceManager {
  ready(status: string): Promise<void>
  stopping(): Promise<void>
}

type Run = (command: string, args: readonly string[]) => Promise<void>

/** `env`: of the process; without NOTIFY_SOCKET nobody waits to be told. A manager that cannot be told is no reason to stop. */
export function serviceManager(env: Readonly<Record<string, string | undefined>>, log: Log, run: Run = execute): ServiceManager {
  const tell = async (...states: string[]): Promise<void> => {
    if ((env['NOTIFY_SOCKET'] ?? '') === '') return
    try {
      await run('systemd-notify', [`--pid=${process.pid}`, ...states])
    } catch (error) {
      log.warn({ err: error, states, nextStep: 'Is systemd-notify installed, and does the unit have NotifyAccess=all?' }, 'the service manager was not told that this node is ready, and may end it')
    }
  }
  return {
    ready: (status) => tell('READY=1', `STATUS=${status}`),
    stopping: () => tell('STOPPING=1', 'STATUS=leaving the mesh'),
  }
}

async function execute(command: string, args: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(command, args, { timeout: timeoutMs }, (error) => { if (error === null) resolve(); else reject(error) })
  })
}
