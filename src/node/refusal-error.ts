import type { Decision } from '../core/routing/types.ts'
import { MeshError } from '../errors.ts'

type Refusal = Extract<Decision, { kind: 'refuse' }>

export interface RefusalContext {
  readonly database: string
  /** Name of the node that refuses. */
  readonly node: string
  readonly hints: { readonly localOnly: boolean }
  /** Instead of the code's own. */
  readonly nextStep?: string
}

/** A decision that refuses, as whoever asked gets it. Where a hint keeps the query here, leaving it out comes before all else that may help. */
export function refusalError({ code, explanation: { reason } }: Pick<Refusal, 'code' | 'explanation'>, { database, node, hints: { localOnly }, nextStep }: RefusalContext): MeshError {
  const step = localOnly ? 'Leave out the hint local-only, which keeps the query on this node.' : nextStep
  return new MeshError(code, reason, { ...(step === undefined ? {} : { nextStep: step }), details: { database, node, started: 'no' } })
}
