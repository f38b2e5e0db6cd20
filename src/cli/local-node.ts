/** What the commands that talk to the node beside them have in common. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ControlRequest } from '../wire/control.ts'
import { type CliContext, type ControlTarget, Exit, signalExitCodes } from './context.ts'

export const defaultDataDir = '.reedbase'

export interface DataDirOption {
  readonly dataDir?: string
}

export function addDataDirOption(command: Command): Command {
  return command.option('--data-dir <path>', `data folder of the node (env REEDBASE_DATA_DIR, default ${defaultDataDir})`)
}

export function dataDirOf({ dataDir }: DataDirOption, { env, cwd }: Pick<CliContext, 'env' | 'cwd'>): string {
  return resolve(cwd, dataDir ?? env['REEDBASE_DATA_DIR'] ?? defaultDataDir)
}

export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

/** Runs `work` with a signal that the first Ctrl-C aborts; a second one ends the process at once. */
export async function interruptible<T>(context: CliContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const release = context.onSignal((signal) => {
    if (controller.signal.aborted) context.exitNow(signal)
    else controller.abort(new Exit(signalExitCodes[signal]))
  })
  try {
    return await work(controller.signal)
  } catch (error) {
    // Whatever the abort made of the work underneath, the user pressed Ctrl-C and expects just that.
    if (controller.signal.aborted) throw controller.signal.reason
    throw error
  } finally {
    release()
  }
}

/** One question to the node beside the user. The view types are the answering side's promise (wire/control.ts). */
export async function ask<View>(context: CliContext, target: ControlTarget, request: ControlRequest, signal: AbortSignal): Promise<View> {
  const { callControlOnce } = await context.parts.control()
  return (await callControlOnce(target, request, signal)) as View
}
