/** Errors as RFC 9457 has them: a status for each code, and the code beside the sentence. */
import { type ErrorCode, ERRORS, MeshError } from '../../errors.ts'
import { toMeshError } from '../../wire/query-messages.ts'

/** 503 only where asking again, or elsewhere, may help without another word: load balancers and clients repeat on it. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  ERR_OPTION_UNKNOWN: 400,
  ERR_OPTION_INVALID: 400,
  ERR_CONFIG_FILE: 500,
  ERR_NODE_VERSION: 500,
  ERR_DATA_DIR_LOCKED: 500,
  ERR_DATA_DIR_UNUSABLE: 500,
  ERR_KEY_FILE_DAMAGED: 500,
  ERR_KEYRING_DAMAGED: 500,
  ERR_INSECURE_LISTEN: 500,
  ERR_PORT_BUSY: 500,
  ERR_ADDRESS_UNAVAILABLE: 500,
  ERR_HTTP_UNPROTECTED: 500,
  ERR_DATABASE_PATH: 500,
  ERR_DATABASE_IN_USE: 409,
  ERR_DATABASE_UNKNOWN: 404,
  ERR_START_FAILED: 500,
  ERR_NO_NODE: 502,
  ERR_CLUSTER_KEY: 502,
  ERR_KEY_UNKNOWN: 404,
  ERR_KEY_IN_USE: 409,
  ERR_KEYS_INCOMPLETE: 502,
  ERR_MEMBER_UNKNOWN: 404,
  ERR_MEMBER_ALIVE: 409,
  ERR_LEAVE_TIMEOUT: 504,
  ERR_NO_HEALTHY_PEER: 503,
  ERR_NO_PRIMARY: 503,
  ERR_READ_ONLY: 403,
  ERR_SQL: 400,
  ERR_QUERY_TIMEOUT: 504,
  // Nobody is there to read it; the number is nginx's.
  ERR_QUERY_CANCELLED: 499,
  ERR_QUERY_BROKEN: 502,
  ERR_QUERY_AMBIGUOUS: 502,
  ERR_TRANSACTION_LOST: 409,
  ERR_TRANSACTION_ABORTED: 409,
  ERR_TRANSACTION_BUSY: 409,
  ERR_TRANSACTION_CONFLICT: 409,
  ERR_TRANSACTION_UNSUPPORTED: 501,
  ERR_QUERY_TOO_LARGE: 413,
  ERR_OVERLOADED: 503,
  ERR_NOT_SERVING: 503,
  ERR_NOT_PRIMARY: 503,
  ERR_TOO_STALE: 503,
  ERR_DRAINING: 503,
  ERR_QUORUM_LOST: 503,
  ERR_HOP_LIMIT: 503,
  ERR_PEER_UNREACHABLE: 503,
  ERR_PROTOCOL: 502,
  ERR_EVENTS_LOST: 503,
  ERR_NODE_STOPPED: 503,
  ERR_REQUEST_INVALID: 400,
  ERR_REQUEST_TOO_LARGE: 413,
  ERR_MEDIA_TYPE: 415,
  ERR_NOT_ACCEPTABLE: 406,
  ERR_RESOURCE_UNKNOWN: 404,
  ERR_TOKEN: 401,
  ERR_TOKEN_THROTTLED: 429,
  ERR_CROSS_SITE: 403,
  ERR_ROWS_MAX: 422,
  ERR_OUTPUT: 500,
  ERR_INTERNAL: 500,
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
/** Sent with each 503, unless the error knows better. */
const retryAfterSeconds = 1

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly nextStep: string
  readonly details: MeshError['details']
}

/** What is not a MeshError is a fault of this program, and its text stays in the log. */
export function problemOf(error: unknown): Problem {
  const { code, message, nextStep, details } = error instanceof MeshError ? error : new MeshError('ERR_INTERNAL', 'a fault of this program; the log of the node has more', { cause: toMeshError(error) })
  return { type: `urn:reedbase-mesh:error:${code}`, title: ERRORS[code].when, status: STATUS_OF[code], code, detail: message, nextStep, details }
}

export function problemHeaders({ status, details: { retryAfterSeconds: wanted } }: Problem): Readonly<Record<string, string>> {
  // Details of an error come from other nodes, too.
  const after = typeof wanted === 'number' && Number.isInteger(wanted) && wanted >= 0 ? wanted : retryAfterSeconds
  return {
    'content-type': PROBLEM_TYPE, 'cache-control': 'no-store',
    ...(status === 503 || status === 429 ? { 'retry-after': String(after) } : {}),
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="reedbase"' } : {}),
  }
}
