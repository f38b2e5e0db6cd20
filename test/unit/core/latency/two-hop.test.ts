import { describe, expect, it } from 'vitest'
import { type OwnPath, type PathLatency, TwoHopRoutes, type TwoHopEffect, VECTOR_PATHS_MAX, vectorOf } from '../../../../src/core/latency/two-hop.ts'
import { parseTwoHopOptions, type TwoHopOptions } from '../../../../src/core/latency/two-hop-options.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

const own = (peerId: string, rttMs: number | null, changes: Partial<OwnPath> = {}): OwnPath => ({ peerId, rttMs, lossRatio: 0, isBroken: false, relays: 'yes', ...changes })
const leg = (peerId: string, rttMs: number, lossRatio = 0): PathLatency => ({ peerId, rttMs, lossRatio })

function create(options: Partial<TwoHopOptions> = {}): TwoHopRoutes {
  const routes = new TwoHopRoutes({ selfPeerId: 'self', options: { relayMs: 0, ...options } })
  routes.start(0)
  return routes
}

type Leg = readonly [one: string, other: string, rttMs: number, lossRatio?: number]

/** Both ends of each leg tell it, and tell nothing else from now on. */
function tellBoth(routes: TwoHopRoutes, nowMs: number, ...legs: readonly Leg[]): TwoHopEffect[] {
  const vectors = new Map<string, PathLatency[]>()
  for (const [one, other, rttMs, lossRatio] of legs) {
    for (const [from, to] of [[one, other], [other, one]] as const) vectors.set(from, [...(vectors.get(from) ?? []), leg(to, rttMs, lossRatio)])
  }
  return [...vectors].flatMap(([peerId, paths]) => routes.handleVector(nowMs, peerId, paths))
}

/** Own paths to a relay (10 ms) and a target, and what both tell of the leg between them. */
function triangle(directMs: number | null, legMs: number, changes: Partial<OwnPath> = {}, options: Partial<TwoHopOptions> = {}): TwoHopRoutes {
  const routes = create(options)
  tellBoth(routes, 0, ['relay', 'target', legMs])
  routes.handlePaths(0, [own('relay', 10), own('target', directMs, changes)])
  return routes
}

/** As its owner would: whenever it asks, these paths. */
function run(routes: TwoHopRoutes, fromMs: number, untilMs: number, paths: (nowMs: number) => readonly OwnPath[]): TwoHopEffect[] {
  const effects: TwoHopEffect[] = []
  for (let dueMs = routes.nextDeadlineMs() ?? Infinity; dueMs <= untilMs; dueMs = routes.nextDeadlineMs() ?? Infinity) {
    const nowMs = Math.max(fromMs, dueMs)
    for (const effect of routes.handleTimeout(nowMs)) effects.push(...(effect.kind === 'measure' ? routes.handlePaths(nowMs, paths(nowMs)) : [effect]))
  }
  return effects
}

describe('a relay is taken', () => {
  it('where it saves more than a fifth, and not a bit less', () => {
    expect(triangle(100, 69.9).routeTo('target')).toEqual({ via: 'relay', totalMs: 79.9, directMs: 100 })
    expect(triangle(100, 70).routeTo('target')).toBeNull()
    expect(triangle(100, 69.9, {}, { relayMs: 1 }).routeTo('target')).toBeNull()
  })

  it('not for less than 2 ms, whatever the share', () => {
    const near = (gainMsMin: number): TwoHopRoutes => {
      const routes = create({ gainMsMin })
      tellBoth(routes, 0, ['relay', 'target', 0.25])
      routes.handlePaths(0, [own('relay', 0.25), own('target', 2.4)])
      return routes
    }
    expect(near(2).routeTo('target')).toBeNull()
    expect(near(1.9).routeTo('target')?.via).toBe('relay')
  })

  it.each<[string, Partial<OwnPath>]>([['broken', { isBroken: true }], ['not measured', { rttMs: null }], ['losing all', { lossRatio: 1 }]])('where the direct path is %s, whatever it costs', (_what, changes) => {
    expect(triangle(100, 5_000, changes).routeTo('target')).toEqual({ via: 'relay', totalMs: 5_010, directMs: null })
  })

  it('with its losses in the length of a path', () => {
    expect(triangle(75, 50).routeTo('target')).toBeNull()
    expect(triangle(75, 50, { lossRatio: 0.25 }).routeTo('target')).toEqual({ via: 'relay', totalMs: 60, directMs: 100 })
    const lossy = create()
    tellBoth(lossy, 0, ['relay', 'target', 50, 0.5])
    lossy.handlePaths(0, [own('relay', 10), own('target', 100)])
    expect(lossy.routeTo('target')).toBeNull()
  })

  it('of several the shortest', () => {
    const routes = create()
    tellBoth(routes, 0, ['far', 'target', 60], ['near', 'target', 20], ['middle', 'target', 40])
    routes.handlePaths(0, [own('far', 10), own('near', 10), own('middle', 10), own('target', 100)])
    expect(routes.routeTo('target')).toEqual({ via: 'near', totalMs: 30, directMs: 100 })
  })
})

describe('a relay that is loaded', () => {
  const loaded = (peerId: string, rttMs: number): OwnPath => own(peerId, rttMs, { relays: 'if-needed' })

  it('is taken around a break, not for being faster', () => {
    const routes = create()
    tellBoth(routes, 0, ['relay', 'target', 20])
    routes.handlePaths(0, [loaded('relay', 10), own('target', 500)])
    expect(routes.routeTo('target')).toBeNull()
    routes.handlePaths(1, [loaded('relay', 10), own('target', 500, { isBroken: true })])
    expect(routes.routeTo('target')?.via).toBe('relay')
    routes.handlePaths(2, [loaded('relay', 10), own('target', 500)])
    expect(routes.routeTo('target')).toBeNull()
  })

  it.each([['relay', 'other'], ['other', 'relay']])('comes after one that is not, in whatever order: %s, %s', (...order) => {
    const routes = create()
    tellBoth(routes, 0, ['relay', 'target', 20], ['other', 'target', 300])
    const paths = { relay: loaded('relay', 10), other: own('other', 10) }
    const target = own('target', null)
    routes.handlePaths(0, [...order.map((name) => paths[name as keyof typeof paths]), target])
    expect(routes.routeTo('target')?.via).toBe('other')
    routes.handlePaths(1, [loaded('relay', 10), loaded('other', 10), target])
    expect(routes.routeTo('target')?.via).toBe('relay')
    routes.handlePaths(2, [loaded('relay', 10), own('other', 10), target])
    expect(routes.routeTo('target')?.via).toBe('other')
  })

  it('loses what it was taken for when it had less to do', () => {
    const routes = triangle(100, 20)
    routes.handlePaths(1, [loaded('relay', 10), own('target', 100)])
    expect(routes.routeTo('target')).toBeNull()
  })
})

describe('a relay is never', () => {
  const detour = (relay: OwnPath, vectorOwner = 'relay', legs: readonly PathLatency[] = [leg('target', 5)], selfPeerId = 'self'): TwoHopRoutes => {
    const routes = new TwoHopRoutes({ selfPeerId })
    routes.handleVector(0, vectorOwner, legs)
    routes.handlePaths(0, [relay, own('target', 100, { isBroken: true })])
    return routes
  }

  it('one that works in none of these ways', () => {
    expect(detour(own('relay', 10)).routeTo('target')?.via).toBe('relay')
  })

  it.each<[string, TwoHopRoutes]>([
    ['broken itself', detour(own('relay', 10, { isBroken: true }))],
    ['unmeasured', detour(own('relay', null))],
    ['unwilling', detour(own('relay', 10, { relays: 'no' }))],
    ['lossy', detour(own('relay', 10, { lossRatio: 0.6 }))],
    ['lossy on its far side', detour(own('relay', 10), 'relay', [leg('target', 5, 0.6)])],
    ['silent about the target', detour(own('relay', 10), 'relay', [leg('other', 5)])],
    ['the target itself', detour(own('relay', 10), 'target', [leg('target', 5), leg('relay', 5)])],
    ['this node', detour(own('relay', 10), 'self', [leg('target', 5)])],
    ['a node that is not among the paths: failed, left or denied', detour(own('other', 10))],
    ['one whose figures are none', detour(own('relay', 10), 'relay', [leg('target', NaN)])],
  ])('%s', (_what, routes) => {
    expect(routes.routes().size).toBe(0)
  })

  it('one that is not to be reached without a relay', () => {
    const routes = create()
    routes.handleVector(0, 'a', [leg('b', 1)])
    routes.handleVector(0, 'b', [leg('target', 1)])
    routes.handlePaths(0, [own('a', 1), own('b', 100, { isBroken: true }), own('target', 500)])
    expect([...routes.routes().keys()]).toEqual(['b'])
  })

  it('believed to be near when the other end measured otherwise', () => {
    const routes = triangle(100, 1)
    expect(routes.routeTo('target')?.totalMs).toBe(11)
    routes.handleVector(1, 'target', [leg('relay', 20)])
    routes.handlePaths(1, [own('relay', 10), own('target', 100)])
    expect(routes.routeTo('target')?.totalMs).toBe(30)
    routes.handleVector(2, 'relay', [leg('target', 40)])
    routes.handlePaths(2, [own('relay', 10), own('target', 100)])
    expect(routes.routeTo('target')?.totalMs).toBe(50)
    routes.handleVector(3, 'target', [leg('relay', 200)])
    routes.handlePaths(3, [own('relay', 10), own('target', 100)])
    expect(routes.routeTo('target')).toBeNull()
  })

  it.each<[string, (routes: TwoHopRoutes) => void]>([
    ['nothing', () => undefined],
    ['of others only', (routes) => routes.handleVector(0, 'target', [leg('honest', 30)])],
    ['that it loses most', (routes) => routes.handleVector(0, 'target', [leg('liar', 1, 0.6)])],
    ['no figure', (routes) => routes.handleVector(0, 'target', [leg('liar', NaN)])],
  ])('one that says it is near everybody, where the other end tells %s', (_what, tell) => {
    const routes = create()
    const targets = ['target', 'second', 'third']
    routes.handleVector(0, 'liar', targets.map((target) => leg(target, 0)))
    tell(routes)
    routes.handlePaths(0, [own('liar', 1), ...targets.map((target) => own(target, 100))])
    expect(routes.routes().size).toBe(0)
    // Nor to what has not been measured yet: a query finds out whether its path works.
    routes.handlePaths(1, [own('liar', 1), ...targets.map((target) => own(target, null))])
    expect(routes.routes().size).toBe(0)
  })

  it('given up around a break because the target does not hear it any more', () => {
    const routes = triangle(100, 20, { isBroken: true })
    expect(routes.handleVector(1, 'target', [leg('other', 1)])).toEqual([])
    expect(routes.routeTo('target')?.via).toBe('relay')
  })

  it('left to one word but while the path is broken', () => {
    const routes = create()
    routes.handleVector(0, 'relay', [leg('target', 5)])
    const paths = [own('relay', 10), own('target', 100)]
    routes.handlePaths(0, paths)
    routes.handlePathDown(1, 'target')
    routes.handlePaths(1, paths)
    expect(routes.routeTo('target')).toEqual({ via: 'relay', totalMs: 15, directMs: null })
    routes.handlePathUp(2, 'target')
    routes.handlePaths(2, paths)
    expect(routes.routeTo('target')).toBeNull()
  })

  it('chosen by what a peer says of paths that are not its own', () => {
    const routes = create()
    // From `liar`, about its own path only: whatever it lists is how far that is from itself.
    routes.handleVector(0, 'liar', [leg('relay', 1), leg('target', 300)])
    routes.handlePaths(0, [own('liar', 1), own('relay', 10), own('target', 100)])
    expect(routes.routeTo('target')).toBeNull()
  })
})

describe('a route', () => {
  const paths = (directMs: number): OwnPath[] => [own('relay', 10), own('target', directMs)]
  const changes = (effects: readonly TwoHopEffect[]): unknown[] => effects.map((effect) => (effect.kind === 'route' ? effect.route?.via ?? null : effect.kind))

  it('is told when the way changes, not when its figures do', () => {
    const routes = create()
    tellBoth(routes, 0, ['relay', 'target', 50])
    expect(changes(routes.handlePaths(0, paths(100)))).toEqual(['relay'])
    expect(routes.handlePaths(1, paths(95))).toEqual([])
    expect(routes.routeTo('target')).toEqual({ via: 'relay', totalMs: 60, directMs: 95 })
    expect(changes(routes.handlePaths(2, paths(60)))).toEqual([null])
  })

  it('is kept while it saves a tenth, and then has to save a fifth again', () => {
    const routes = triangle(80, 50)
    expect(routes.routeTo('target')?.via).toBe('relay')
    routes.handlePaths(1, paths(66.7))
    expect(routes.routeTo('target')?.via).toBe('relay')
    routes.handlePaths(2, paths(66.6))
    expect(routes.routeTo('target')).toBeNull()
    routes.handlePaths(3, paths(74))
    expect(routes.routeTo('target')).toBeNull()
  })

  it('does not flap while its figures waver about either threshold', () => {
    const random = createRandom(9)
    for (const centreMs of [75, 67]) {
      const routes = create()
      const effects: TwoHopEffect[] = []
      for (let look = 0; look < 300; look++) {
        tellBoth(routes, look, ['relay', 'target', 50 * (0.99 + 0.02 * random())])
        effects.push(...routes.handlePaths(look, paths(centreMs * (0.96 + 0.08 * random()))))
      }
      expect(effects.length).toBeLessThanOrEqual(1)
    }
  })

  it('goes over to another relay only where that is a tenth better', () => {
    const routes = create()
    const tell = (nowMs: number, relayMs: number, otherMs: number): TwoHopEffect[] => tellBoth(routes, nowMs, ['relay', 'target', relayMs], ['other', 'target', otherMs])
    tell(0, 50, 45)
    routes.handlePaths(0, [own('relay', 10), own('target', 200)])
    const both = [own('relay', 10), own('other', 10), own('target', 200)]
    expect(routes.handlePaths(1, both)).toEqual([])
    tell(2, 50, 43)
    expect(changes(routes.handlePaths(2, both))).toEqual(['other'])
    tell(3, 40, 43)
    expect(routes.handlePaths(3, both)).toEqual([])
  })

  it('around a break ends with it, unless it is worth it', () => {
    const routes = triangle(64, 45, { isBroken: true })
    expect(routes.routeTo('target')?.via).toBe('relay')
    // A tenth better, which would keep a route that was taken for its length.
    expect(changes(routes.handlePaths(1, paths(64)))).toEqual([null])
    const worthIt = triangle(100, 45, { isBroken: true })
    expect(worthIt.handlePaths(1, paths(100))).toEqual([])
    expect(worthIt.routeTo('target')).toEqual({ via: 'relay', totalMs: 55, directMs: 100 })
    // From then on it is one that was taken for its length.
    expect(worthIt.handlePaths(2, paths(62))).toEqual([])
  })

  it('is dropped at once with its relay, its target or its far leg, and another is sought', () => {
    for (const lose of [
      (routes: TwoHopRoutes) => routes.handlePathDown(5_000, 'relay'),
      (routes: TwoHopRoutes) => routes.removePeer(5_000, 'relay'),
      (routes: TwoHopRoutes) => routes.handleVector(5_000, 'relay', [leg('elsewhere', 1)]),
      (routes: TwoHopRoutes) => routes.handleVector(5_000, 'target', [leg('other', 30)]),
    ]) {
      const routes = triangle(100, 20)
      tellBoth(routes, 0, ['relay', 'target', 20], ['other', 'target', 30])
      expect(changes(lose(routes))).toEqual([null])
      expect(routes.routeTo('target')).toBeNull()
      expect(routes.nextDeadlineMs()).toBe(5_000)
      expect(changes(run(routes, 5_000, 5_000, () => [own('other', 10), own('target', 100)]))).toEqual(['other'])
    }
    const gone = triangle(100, 20)
    expect(changes(gone.removePeer(5_000, 'target'))).toEqual([null])
  })

  it('is found at once when the direct path breaks, and left at a look when it is back', () => {
    const routes = triangle(50, 200)
    expect(routes.routeTo('target')).toBeNull()
    expect(routes.handlePathDown(1_000, 'target')).toEqual([])
    expect(changes(run(routes, 1_000, 1_000, () => paths(50)))).toEqual(['relay'])
    // Its pings never failed: what a query met counts for a minute.
    expect(changes(run(routes, 1_000, 60_999, () => paths(50)))).toEqual([])
    routes.handleVector(60_000, 'relay', [leg('target', 200)])
    expect(changes(run(routes, 61_000, 61_000, () => paths(50)))).toEqual([null])
  })

  it('is left sooner where the path is said to be restored', () => {
    const routes = triangle(50, 200)
    routes.handlePathDown(1_000, 'target')
    run(routes, 1_000, 1_000, () => paths(50))
    routes.handlePathUp(2_000, 'target')
    expect(routes.routeTo('target')?.via).toBe('relay')
    expect(changes(routes.handlePaths(3_000, paths(50)))).toEqual([null])
  })

  it('is given up for a minute where a query did not get through, and no other one with it', () => {
    const routes = create()
    tellBoth(routes, 0, ['relay', 'target', 20], ['relay', 'second', 20], ['other', 'target', 30])
    const all = [own('relay', 10), own('other', 10), own('target', 100), own('second', 100)]
    routes.handlePaths(0, all)
    expect(routes.handleWayDown(4_000, 'target', 'other')).toEqual([])
    expect(routes.nextDeadlineMs()).toBe(60_000)
    expect(changes(routes.handleWayDown(5_000, 'target', 'relay'))).toEqual([null])
    expect(routes.routeTo('second')?.via).toBe('relay')
    expect(routes.nextDeadlineMs()).toBe(5_000)
    // Both ways are taken to fail now.
    expect(changes(run(routes, 5_000, 5_000, () => all))).toEqual([])
    expect(changes(routes.handlePaths(64_001, all))).toEqual(['other'])
    expect(changes(routes.handlePaths(65_001, all))).toEqual(['relay'])
  })

  it('ends when its relay tells nothing any more', () => {
    const routes = triangle(100, 20)
    expect(routes.handlePaths(90_000, paths(100))).toEqual([])
    expect(changes(routes.handlePaths(90_001, paths(100)))).toEqual([null])
    expect(routes.vectors).toBe(0)
  })
})

describe('looks', () => {
  it('come each minute, and are one for a burst of failures', () => {
    const routes = create()
    const looks: number[] = []
    run(routes, 0, 180_000, (nowMs) => {
      looks.push(nowMs)
      return [own('a', 1), own('b', 1)]
    })
    expect(looks).toEqual([60_000, 120_000, 180_000])
    routes.handlePathDown(200_000, 'a')
    routes.handlePathDown(200_000, 'b')
    expect(routes.nextDeadlineMs()).toBe(200_000)
    expect(routes.handleTimeout(200_000)).toEqual([{ kind: 'measure' }])
    routes.handlePaths(200_000, [own('a', 1), own('b', 1)])
    routes.handlePathDown(200_001, 'b')
    expect(routes.nextDeadlineMs()).toBe(200_100)
  })

  it('are not brought on by what concerns nobody', () => {
    const routes = create()
    routes.handleVector(5, 'stranger', [leg('x', 1)])
    routes.removePeer(5, 'another')
    expect(routes.nextDeadlineMs()).toBe(60_000)
  })

  it('come before the first minute is over when a path breaks', () => {
    const routes = create()
    routes.handleVector(0, 'relay', [leg('target', 20)])
    routes.handlePathDown(1_000, 'target')
    expect(routes.nextDeadlineMs()).toBe(1_000)
    run(routes, 1_000, 1_000, () => [own('relay', 10), own('target', 5)])
    expect(routes.routeTo('target')).toEqual({ via: 'relay', totalMs: 30, directMs: null })
  })

  it('are not asked for by more failures than there are vectors', () => {
    const routes = create({ vectorsMax: 1 })
    routes.handlePathDown(1_000, 'a')
    run(routes, 1_000, 1_000, () => [own('a', 1), own('b', 1)])
    routes.handlePathDown(5_000, 'b')
    expect(routes.nextDeadlineMs()).toBe(61_000)
    routes.handlePathDown(5_000, 'a')
    expect(routes.nextDeadlineMs()).toBe(5_000)
  })

  it('come when the owner says that a path has changed', () => {
    const routes = create()
    routes.handlePathChange(7_000)
    expect(routes.nextDeadlineMs()).toBe(7_000)
  })
})

describe('what is kept', () => {
  it('is bounded in vectors and in their length', () => {
    const routes = create({ vectorsMax: 2 })
    for (const peerId of ['a', 'b', 'c']) routes.handleVector(0, peerId, [leg('target', 1)])
    expect(routes.vectors).toBe(2)
    const alone = create()
    alone.handleVector(0, 'self', [leg('target', 1)])
    expect(alone.vectors).toBe(0)
    const long = Array.from({ length: VECTOR_PATHS_MAX + 1 }, (_, index) => leg(`p${index}`, 1))
    routes.handleVector(0, 'a', long)
    routes.handlePaths(0, [own('a', 1), own(`p${VECTOR_PATHS_MAX - 1}`, null, { isBroken: true }), own(`p${VECTOR_PATHS_MAX}`, null, { isBroken: true })])
    expect([...routes.routes().keys()]).toEqual([`p${VECTOR_PATHS_MAX - 1}`])
  })

  it('has options that do not contradict each other', () => {
    expect(() => parseTwoHopOptions({ leaveGainRatio: 0.3 })).toThrow('must not be above')
    expect(() => parseTwoHopOptions({ relayMs: -1 })).toThrow('twoHop.relayMs')
  })
})

describe('the vector that a node tells', () => {
  it('has its nearest paths that work', () => {
    expect(vectorOf([own('c', 3), own('broken', 1, { isBroken: true }), own('new', null), own('a', 1), own('dead', 2, { lossRatio: 1 }), own('b', 2, { lossRatio: 0.1, relays: 'no' })], 7))
      .toEqual([leg('a', 1), leg('b', 2, 0.1), leg('c', 3)])
  })

  it.each([[10, 100], [32, 100], [100, 32], [200, 16], [5_000, 16]])('in a mesh of %i has at most %i', (members, pathsMax) => {
    expect(vectorOf(Array.from({ length: 300 }, (_, index) => own(`p${index}`, 300 - index)), members).map(({ rttMs }) => rttMs)).toEqual(Array.from({ length: pathsMax }, (_, index) => index + 1))
  })
})
