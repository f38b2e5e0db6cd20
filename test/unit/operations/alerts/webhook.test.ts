import { describe, expect, it } from 'vitest'
import { Webhook } from '../../../../src/operations/alerts/webhook.ts'
import type { AlertView } from '../../../../src/wire/operations-views.ts'
import { settle, VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

const alert = (rule: string) => ({ rule, state: 'firing' }) as AlertView

function receiver(answer: (request: { readonly rule: string; readonly id: string }) => number | Error) {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const got: Array<{ readonly rule: string; readonly id: string; readonly atMs: number }> = []
  const post = (async (_url: string, { body }: { readonly body: string }) => {
    const { alert: { rule }, id } = JSON.parse(body) as { alert: { rule: string }; id: string }
    got.push({ rule, id, atMs: clock.nowMs() })
    const outcome = answer({ rule, id })
    if (outcome instanceof Error) throw outcome
    return new Response(null, { status: outcome })
  }) as unknown as typeof fetch
  return { clock, log, got, webhook: new Webhook({ url: 'http://127.0.0.1/hook', node: { peerId: 'p', name: 'n' }, clock, log, post }) }
}

describe('Webhook', () => {
  it('posts in order, one at a time', async () => {
    const { webhook, got } = receiver(() => 204)
    for (const rule of ['a', 'b', 'c']) webhook.send(alert(rule))
    await settle()
    expect(got.map(({ rule }) => rule)).toEqual(['a', 'b', 'c'])
    expect(new Set(got.map(({ id }) => id)).size).toBe(3)
    expect(webhook.counters).toEqual({ delivered: 3, failures: 0, dropped: 0 })
  })

  it('tries again after a growing pause, by the same id, and holds the others back', async () => {
    let refusals = 3
    const { webhook, got, clock, log } = receiver(() => (refusals-- > 0 ? 503 : 200))
    webhook.send(alert('a'))
    webhook.send(alert('b'))
    for (let second = 0; second < 10; second++) {
      await settle(5)
      clock.advance(1_000)
    }
    await settle()
    expect(got.map(({ rule, atMs }) => [rule, atMs])).toEqual([['a', 0], ['a', 1_000], ['a', 3_000], ['a', 7_000], ['b', 7_000]])
    expect(new Set(got.filter(({ rule }) => rule === 'a').map(({ id }) => id)).size).toBe(1)
    expect(log.lines).toEqual(['warn the webhook did not take an alert; it is tried again'])
  })

  it('gives up what is an hour old', async () => {
    const { webhook, clock, log } = receiver(() => new Error('refused'))
    webhook.send(alert('a'))
    for (let minute = 0; minute < 70; minute++) {
      await settle(5)
      clock.advance(60_000)
    }
    await settle()
    expect(webhook.waiting).toBe(0)
    expect(webhook.counters).toMatchObject({ delivered: 0, dropped: 1 })
    expect(log.lines.at(-1)).toContain('given up')
  })

  it('keeps a bounded number, the latest', async () => {
    let isUp = false
    const { webhook, got, clock } = receiver(() => (isUp ? 200 : 500))
    for (let i = 0; i < 150; i++) webhook.send(alert(String(i)))
    expect(webhook.waiting).toBe(100)
    expect(webhook.counters.dropped).toBe(50)
    await settle()
    isUp = true
    clock.advance(10_000)
    await settle(500)
    expect(got.at(-1)?.rule).toBe('149')
    expect(webhook.waiting).toBe(0)
  })

  it('stops with what waits', async () => {
    const { webhook, clock } = receiver(() => 500)
    webhook.send(alert('a'))
    await settle()
    webhook.stop()
    webhook.send(alert('b'))
    expect([webhook.waiting, clock.pending]).toEqual([0, 0])
  })
})
