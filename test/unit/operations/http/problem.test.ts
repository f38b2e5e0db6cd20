import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode, MeshError } from '../../../../src/errors.ts'
import { problemHeaders, problemOf, STATUS_OF } from '../../../../src/operations/http/problem.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]

describe('the status of an error', () => {
  it('is given for every code, and for no other', () => {
    expect(Object.keys(STATUS_OF).sort()).toEqual([...codes].sort())
  })

  it('is one of an error', () => {
    for (const status of Object.values(STATUS_OF)) expect(status >= 400 && status <= 599).toBe(true)
  })

  it('invites to repeat only what may be repeated', () => {
    for (const code of codes) if (STATUS_OF[code] === 503 && code !== 'ERR_NODE_STOPPED') expect([code, ERRORS[code].retry]).toEqual([code, 'safe'])
  })

  it('of a write that may have happened is none that proxies repeat', () => {
    expect(STATUS_OF.ERR_QUERY_AMBIGUOUS).not.toBe(503)
  })
})

describe('a problem', () => {
  it('says what, why and what next', () => {
    expect(problemOf(new MeshError('ERR_SQL', 'no such table: usres', { details: { position: 14 } }))).toEqual({
      type: 'urn:reedbase-mesh:error:ERR_SQL', title: ERRORS.ERR_SQL.when, status: 400, code: 'ERR_SQL', detail: 'no such table: usres', nextStep: ERRORS.ERR_SQL.nextStep, details: { position: 14 },
    })
  })

  it('of a fault of the program tells nothing of its insides', () => {
    const problem = problemOf(new TypeError('cannot read /secret/path'))
    expect(problem).toMatchObject({ status: 500, code: 'ERR_INTERNAL' })
    expect(JSON.stringify(problem)).not.toContain('secret')
  })

  it('says when to come again, and how to show who one is', () => {
    expect(problemHeaders(problemOf(new MeshError('ERR_OVERLOADED', 'full')))).toMatchObject({ 'retry-after': '1', 'content-type': expect.stringContaining('application/problem+json') as string })
    expect(problemHeaders(problemOf(new MeshError('ERR_TOKEN', 'none')))).toMatchObject({ 'www-authenticate': 'Bearer realm="reedbase"' })
    expect(problemHeaders(problemOf(new MeshError('ERR_SQL', 'bad')))).not.toHaveProperty('retry-after')
  })
})
