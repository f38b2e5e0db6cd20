import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { EVENT_BYTES_MAX, type EventBody } from '../../../../src/operations/http/event-body.ts'
import { EventFeed, FEED_KEPT, FEED_QUERIES_PER_SECOND } from '../../../../src/operations/http/event-feed.ts'
import { EventStreams, type Subscription } from '../../../../src/operations/http/event-streams.ts'
import { QueryRates } from '../../../../src/operations/http/query-rates.ts'
import type { EventView } from '../../../../src/wire/control.ts'
import type { AlertView, LiveStateView } from '../../../../src/wire/operations-views.ts'
import { turn } from '../../../support/query-plane.ts'
import { fakeApp, type FakeNode, fakeNode, queryRecord } from './fake-node.ts'

const event = (reason: string): EventView => ({ type: 'quorum-lost', atWallMs: 1, reason, reachable: 1, known: 3, needed: 2 })
const state: LiveStateView = { atWallMs: 1, from: 'x', members: [], distances: [], rates: { queriesPerSecond: 0, forwardedPerSecond: 0, failedPerSecond: 0 }, alerts: [], partition: null, hasQuorum: true }

interface Told {
  readonly event: string
  readonly id: string | undefined
  readonly data: unknown
}

/** What has been written so far, taken out of the body. */
function read(body: Readable): string {
  return (body.read() as Buffer | null)?.toString('utf8') ?? ''
}

function parse(text: string): Told[] {
  return text.split('\n\n').filter((block) => block.includes('event: ')).map((block) => {
    const field = (name: string): string | undefined => block.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
    return { event: field('event') ?? '', id: field('id'), data: JSON.parse(field('data') ?? 'null') as unknown }
  })
}

interface SetUp {
  readonly node: FakeNode
  readonly feed: EventFeed
  readonly streams: EventStreams
  live: LiveStateView
  open(given?: Partial<Subscription>): EventBody
}

function setUp(): SetUp {
  const node = fakeNode()
  const feed = new EventFeed(node.inspection)
  const parts: SetUp = {
    node, feed, live: state,
    streams: new EventStreams({ feed, clock: node.clock, log: node.log, live: { view: () => parts.live } }),
    open: (given: Partial<Subscription> = {}) => parts.streams.open({ withState: false, lastId: null, recent: 0, ...given }),
  }
  return parts
}

describe('an event stream', () => {
  it('tells what happens from now on, by its name, each with an id', () => {
    const { node, open } = setUp()
    node.tell.handleEvent(event('before'))
    const body = open()
    node.tell.handleEvent(event('after'))
    node.tell.handleQuery(queryRecord(7))
    expect(parse(read(body))).toEqual([{ event: 'mesh', id: expect.stringMatching(/^[a-z0-9]+-2$/) as string, data: event('after') }, { event: 'query', id: expect.stringMatching(/-3$/) as string, data: queryRecord(7) }])
  })

  it('goes on where its reader was', () => {
    const { node, open } = setUp()
    for (const reason of ['one', 'two', 'three']) node.tell.handleEvent(event(reason))
    const [first] = parse(read(open({ recent: 3 })))
    expect(parse(read(open({ lastId: first?.id ?? '' }))).map(({ data }) => (data as EventView).reason)).toEqual(['two', 'three'])
    const [, , last] = parse(read(open({ recent: 3 })))
    expect(parse(read(open({ lastId: last?.id ?? '' })))).toEqual([])
  })

  it('says so where something is lost between, or the node was another then', () => {
    const { node, open } = setUp()
    node.tell.handleEvent(event('first'))
    const [first] = parse(read(open({ recent: 1 })))
    for (let index = 0; index <= FEED_KEPT; index++) node.tell.handleEvent(event(String(index)))
    const resumed = parse(read(open({ lastId: first?.id ?? '' })))
    expect(resumed[0]).toEqual({ event: 'lost', id: undefined, data: {} })
    expect(resumed).toHaveLength(1 + FEED_KEPT)
    for (const lastId of ['elsewhere-5', '', 'nonsense', `${(first?.id ?? '').split('-')[0] ?? ''}-999999`]) expect(parse(read(open({ lastId })))).toEqual([{ event: 'lost', id: undefined, data: {} }])
  })

  it('gives the last ones first where that is asked', () => {
    const { node, open } = setUp()
    for (const reason of ['one', 'two', 'three']) node.tell.handleEvent(event(reason))
    expect(parse(read(open({ recent: 2 }))).map(({ data }) => (data as EventView).reason)).toEqual(['two', 'three'])
  })

  it('tells the state at once, then each second in which it changed', () => {
    const parts = setUp()
    const body = parts.open({ withState: true })
    const without = parts.open()
    expect(parse(read(body))).toEqual([{ event: 'state', id: undefined, data: state }])
    parts.live = { ...state, atWallMs: 2 }
    parts.node.clock.advance(1_000)
    expect(parse(read(body))).toEqual([])
    parts.live = { ...state, atWallMs: 3, hasQuorum: false }
    parts.node.clock.advance(1_000)
    expect(parse(read(body))).toEqual([{ event: 'state', id: undefined, data: { ...state, atWallMs: 3, hasQuorum: false } }])
    expect(parse(read(without))).toEqual([])
  })

  it('is heard of every 15 s though nothing happens', () => {
    const { node, open } = setUp()
    const body = open()
    expect(read(body)).toBe(': open\n\n')
    node.clock.advance(14_000)
    expect(read(body)).toBe('')
    node.clock.advance(1_000)
    expect(read(body)).toBe(': \n\n')
    node.clock.advance(15_000)
    expect(read(body)).toBe(': \n\n')
  })

  it('that is read too slowly is cut off, and the others are not', async () => {
    const { node, open } = setUp()
    const slow = open()
    const other = open()
    const failed = new Promise<Error>((resolve) => { slow.once('error', resolve) })
    const large = event('x'.repeat(1 << 20))
    for (let sent = 0; sent <= EVENT_BYTES_MAX / (1 << 20); sent++) {
      node.tell.handleEvent(large)
      read(other)
    }
    expect((await failed).message).toContain('too slow')
    expect(node.log.lines).toEqual(['warn a reader of the event stream is too slow and was cut off'])
    node.tell.handleEvent(event('small'))
    expect(parse(read(other))).toHaveLength(1)
  })

  it('costs nothing once nobody reads', async () => {
    const { node, open } = setUp()
    const bodies = [open({ withState: true }), open()]
    expect(node.clock.pending).toBe(1)
    for (const body of bodies) body.destroy()
    await turn()
    expect(node.clock.pending).toBe(0)
  })

  it('ends with a word when the node closes', () => {
    const { streams, open } = setUp()
    const body = open()
    streams.close()
    expect(parse(read(body)).at(-1)).toEqual({ event: 'end', id: undefined, data: {} })
    expect(read(body)).toBe('')
  })
})

describe('the feed', () => {
  it('tells a bounded number of queries a second, and how many it left out', () => {
    const { node, feed } = setUp()
    for (let index = 0; index < FEED_QUERIES_PER_SECOND + 23; index++) node.tell.handleQuery(queryRecord(index))
    expect(feed.last(FEED_KEPT)).toHaveLength(FEED_QUERIES_PER_SECOND)
    node.clock.advance(1_000)
    node.tell.handleQuery(queryRecord(500))
    expect(feed.last(2).map(({ kind, data }) => [kind, kind === 'skipped' ? data : null])).toEqual([['skipped', { queries: 23 }], ['query', null]])
  })

  it('tells alerts as they change', async () => {
    const node = fakeNode()
    const alert: AlertView = { rule: 'cpu', severity: 'critical', subject: '', state: 'firing', value: 95, threshold: 90, unit: '%', summary: 'busy', sinceWallMs: 0, firedAtWallMs: 1, resolvedAtWallMs: null }
    const feed = new EventFeed(node.inspection)
    await feed.followAlerts({ list: () => [], changes: () => (async function* () { yield alert })() }, new AbortController().signal)
    expect(feed.last(5)).toEqual([expect.objectContaining({ kind: 'alert', data: alert })])
  })
})

describe('over HTTP', () => {
  it('events are a stream, or a list for who wants JSON', async () => {
    const node = fakeNode()
    const { app, close } = await fakeApp(node)
    node.tell.handleEvent(event('kept'))
    const stream = app.inject({ url: '/api/v1/events?state=1&recent=5', headers: { 'host': 'localhost', 'last-event-id': '' } })
    const list = await app.inject({ url: '/api/v1/events', headers: { accept: 'application/json' } })
    expect(list.json()).toEqual({ events: [] })
    await turn()
    await close()
    const { headers, body } = await stream
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    expect(parse(body).map((told) => told.event)).toEqual(['mesh', 'state', 'end'])
  })
})

describe('HEAD', () => {
  it('leaves no stream open', async () => {
    const node = fakeNode()
    const { app, close } = await fakeApp(node)
    const before = node.clock.pending
    expect((await app.inject({ method: 'HEAD', url: '/api/v1/events?state=1' })).statusCode).toBe(200)
    await turn()
    expect(node.clock.pending).toBe(before)
    await close()
  })
})

describe('rates', () => {
  it('are of the queries of clients here, over ten seconds', () => {
    const rates = new QueryRates()
    for (let second = 0; second < 10; second++) {
      rates.handleQuery(second * 1_000, queryRecord(1))
      rates.handleQuery(second * 1_000, queryRecord(2, { decision: 'forward' }))
      rates.handleQuery(second * 1_000, queryRecord(3, { outcome: 'error', decision: 'refused' }))
      rates.handleQuery(second * 1_000, queryRecord(4, { sentBy: 'far' }))
      rates.handleQuery(second * 1_000, queryRecord(5, { database: 'reedbase' }))
    }
    expect(rates.view(9_999)).toEqual({ queriesPerSecond: 3, forwardedPerSecond: 1, failedPerSecond: 1 })
    expect(rates.view(14_000)).toEqual({ queriesPerSecond: 1.5, forwardedPerSecond: 0.5, failedPerSecond: 0.5 })
    expect(rates.view(60_000)).toEqual({ queriesPerSecond: 0, forwardedPerSecond: 0, failedPerSecond: 0 })
  })
})
