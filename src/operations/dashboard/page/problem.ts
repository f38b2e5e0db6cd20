/** What went wrong with a request, in the node's own words where it said some. */

export interface Problem {
  /** Of the node's table of errors; empty where it is none of those. */
  readonly code: string
  readonly message: string
  /** Empty where nobody knows one. */
  readonly nextStep: string
}

/** @param body of an answer as problem+json has it, or whatever came instead */
export function problemOf(status: number, body: unknown): Problem {
  const { code, detail, title, nextStep } = typeof body === 'object' && body !== null ? body as Readonly<Record<string, unknown>> : {}
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof detail === 'string' && detail !== '' ? detail : typeof title === 'string' && title !== '' ? title : `The node answered with status ${status}.`,
    nextStep: typeof nextStep === 'string' ? nextStep : '',
  }
}

export class RequestProblem extends Error {
  readonly problem: Problem
  readonly status: number

  constructor(status: number, problem: Problem) {
    super(problem.message)
    this.status = status
    this.problem = problem
  }
}
