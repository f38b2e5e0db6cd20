/** What the page asks of its node, apart from the stream. */
import type { ExplainView, LatencyView } from '../../../wire/control.ts'
import type { EventView } from '../../../wire/event-views.ts'
import type { AlertView, DatabaseView, LiveHistoryView, QueryRecord } from '../../../wire/operations-views.ts'
import { problemOf, RequestProblem } from './problem.ts'
import { parseExact } from './query-result.ts'

/** Of an answer; a page holds no more. */
const ANSWER_CHARACTERS_MAX = 16 << 20

/** @throws RequestProblem */
export async function getList<T extends QueryRecord | EventView | AlertView | DatabaseView>(path: string, name: string): Promise<readonly T[]> {
  const list = (await ask(path, {}) as Readonly<Record<string, unknown>>)[name]
  return Array.isArray(list) ? list as readonly T[] : []
}

/** @throws RequestProblem */
export async function getLiveHistory(): Promise<LiveHistoryView> {
  return await ask('/api/v1/live/history', {}) as LiveHistoryView
}

/** Of a quarter of an hour. @throws RequestProblem */
export async function getLatency(database: string): Promise<LatencyView> {
  return await ask(`/api/v1/latency?database=${encodeURIComponent(database)}&hours=0.25`, {}) as LatencyView
}

/** @throws RequestProblem, and AbortError when the signal aborts */
export async function postQuery(body: { readonly database: string; readonly sql: string; readonly timeoutMs: number }, signal: AbortSignal): Promise<unknown> {
  return await ask('/api/v1/query', { ...json(body), signal })
}

/** @throws RequestProblem, and AbortError when the signal aborts */
export async function postExplain(body: { readonly database: string; readonly sql: string }, signal: AbortSignal): Promise<ExplainView> {
  return await ask('/api/v1/explain', { ...json(body), signal }) as ExplainView
}

/** The token becomes a cookie that no script reads. @throws RequestProblem */
export async function postSession(token: string): Promise<void> {
  await ask('/api/v1/session', json({ token }))
}

function json(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(body) }
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(path, { headers: { accept: 'application/json' }, cache: 'no-store', ...init })
  const text = await boundedText(response)
  let body: unknown = null
  try {
    body = text === '' ? null : parseExact(text)
  } catch {
    // What stands before a node may answer in its own way; the status says enough.
    if (response.ok) throw new RequestProblem(response.status, { code: '', message: 'The answer of the node broke off.', nextStep: 'Send the query again.' })
  }
  if (!response.ok) throw new RequestProblem(response.status, problemOf(response.status, body))
  return body
}

async function boundedText(response: Response): Promise<string> {
  if (response.body === null) return ''
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text
    text += value
    if (text.length > ANSWER_CHARACTERS_MAX) {
      await reader.cancel()
      throw new RequestProblem(response.status, { code: '', message: 'The result is larger than 16 million characters, too much for this page.', nextStep: 'Ask for less: name columns, filter, or add a LIMIT. rdb db:query takes results of any size.' })
    }
  }
}
