// Clients that do not wait for one another: queries leave at their times, whatever has become of those before them, and what each took counts
// from the time when it was due.
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../../dist/core/time/random.js'

/** `ask(index)` answers with the name of the node that ran it. Resolves with a sample for each query, in order of their times. */
export async function openLoop({ perSecond, seconds, seed, ask }) {
  const random = createRandom(seed)
  const startedMs = performance.now()
  const untilMs = startedMs + seconds * 1000
  const samples = []
  const underWay = []
  let dueMs = startedMs
  for (;;) {
    for (; dueMs <= performance.now() && dueMs < untilMs; dueMs -= Math.log(1 - random()) * 1000 / perSecond) {
      const sample = { atMs: dueMs - startedMs, lateMs: performance.now() - dueMs, tookMs: Infinity, node: null }
      const due = dueMs
      samples.push(sample)
      underWay.push(ask(samples.length - 1).then((node) => {
        sample.node = node
        sample.tookMs = performance.now() - due
      }, (error) => { sample.error = error.code ?? String(error) }))
    }
    if (dueMs >= untilMs) break
    await sleep(1)
  }
  await Promise.all(underWay)
  return samples
}

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}

export const median = (values) => quantile(values, 0.5)

/** The one row of an answer says who ran it. Read to its end: whoever leaves earlier cancels the query. */
export async function nameOf(answering) {
  let name = null
  for await (const row of (await answering).rows()) name = row.node
  return name
}
