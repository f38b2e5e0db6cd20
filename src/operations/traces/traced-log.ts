/** A log whose lines carry the id of the trace that they belong to. */
import type { Log } from '../../ports/log.ts'

/** `traceId`: of whoever logs, now; null outside of any trace. */
export function tracedLog(log: Log, traceId: () => string | null): Log {
  const withId = (fields: object): object => {
    const id = traceId()
    return id === null ? fields : { ...fields, traceId: id }
  }
  return {
    debug: (fields, message) => { log.debug(withId(fields), message) },
    info: (fields, message) => { log.info(withId(fields), message) },
    warn: (fields, message) => { log.warn(withId(fields), message) },
    error: (fields, message) => { log.error(withId(fields), message) },
    child: (fields) => tracedLog(log.child(fields), traceId),
  }
}
