/** Errors as people read them: one line of what happened, one of what to do; a stack only when asked for. */
import { ERRORS, MeshError } from '../errors.ts'
import { DEBUG_ENV } from '../node/options-table.ts'
import type { CliContext } from './context.ts'

export function errorExitCode(error: unknown): number {
  return error instanceof MeshError ? error.exitCode : ERRORS.ERR_INTERNAL.exitCode
}

export function errorText(error: unknown, { env, stderr }: Pick<CliContext, 'env' | 'stderr'>): string {
  const known = error instanceof MeshError ? error : new MeshError('ERR_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })
  const debug = env[DEBUG_ENV] === '1'
  const nextStep = known.code === 'ERR_INTERNAL' && !debug ? `${known.nextStep} ${DEBUG_ENV}=1 shows where it happened.` : known.nextStep
  const stack = debug && error instanceof Error ? `${error.stack ?? ''}\n` : ''
  return `${stderr.style('red', 'error:')} ${known.message} (${known.code})\n${stderr.style('dim', 'next:')} ${nextStep}\n${stack}`
}
