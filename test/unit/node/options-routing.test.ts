import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import type { NodeSettings } from '../../../src/node/node-settings.ts'
import { loadNodeOptions, type NodeOptions, parseNodeOptions } from '../../../src/node/options.ts'
import { ROUTING_GROUPS, ROUTING_OPTION_TABLE } from '../../../src/node/options-routing.ts'

const folder = mkdtempSync(join(tmpdir(), 'reedbase-routing-options-'))
afterAll(() => { rmSync(folder, { recursive: true }) })

function load(yaml: string, flags: Record<string, unknown> = {}): NodeOptions {
  writeFileSync(join(folder, 'reedbase.yaml'), yaml)
  return loadNodeOptions({ flags: { ...flags, config: 'reedbase.yaml' }, env: {}, cwd: folder })
}

function refusal(yaml: string, flags: Record<string, unknown> = {}): string {
  try {
    load(yaml, flags)
  } catch (error) {
    if (error instanceof MeshError) return `${error.code}: ${error.message} | ${error.nextStep}`
    throw error
  }
  return 'accepted'
}

/** As an object for `createNode`. */
function tree(key: string, value: string | number): object {
  return key.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object
}

describe('the options of routing', () => {
  it('are set by group', () => {
    const { routing } = load(`routing:
  adaptive: { loadWeight: 0, latencyWeight: 0.9 }
  outliers:
    consecutiveFailures: 8
    baseEjection: 1m
  twoHop: { relay: 3ms }
  gate: { waitingMax: 100 }
  affinity: { timeout: 10m }
  hedging: { tokensMax: 5 }
  retries: { perSecond: 2 }
  hotspots: { window: 10s }
  feedback: { slowStart: 0ms }
  choice: { tieRatio: 0.5 }
`)
    expect(routing).toMatchObject({
      decision: { adaptiveLoadWeight: 0, adaptiveLatencyWeight: 0.9, adaptiveResourceWeight: 0.2, tieRatio: 0.5 }, outliers: { consecutiveFailures: 8, baseEjectionMs: 60_000, ejectionMsMax: 300_000 },
      twoHop: { relayMs: 3 }, gate: { waitingMax: 100 }, affinity: { timeoutMs: 600_000 }, hedging: { tokensMax: 5 }, retries: { perSecond: 2, requestRatio: 0.2 }, hotspots: { windowMs: 10_000 }, feedback: { slowStartMs: 0 },
    })
  })

  it('have what other options set', () => {
    const flags = { failoverMax: '5', loadInterval: '40s', inFlightMax: '7', hedgeAfter: '20ms', hotspotRate: '50' }
    expect(load('', flags).routing).toMatchObject({
      decision: { failoverMax: 5, staleAfterMs: 120_000 }, twoHop: { vectorAgeMsMax: 120_000 }, gate: { limitMax: 7, limitInitial: 7, limitMin: 4 }, hedging: { afterMs: 20 }, hotspots: { queriesPerSecond: 50 },
    })
    expect(load('routing: { twoHop: { vectorAgeMax: 5s } }', flags).routing.twoHop.vectorAgeMsMax).toBe(5_000)
    expect(ROUTING_OPTION_TABLE.map(({ name }) => name).filter((name) => ['failoverMax', 'staleAfterMs', 'limitMax', 'afterMs', 'queriesPerSecond'].includes(name))).toEqual([])
  })

  it('all are there once, each with the default that it names and set by its own key', () => {
    const machines = parseNodeOptions({}, folder).routing
    const named = new Map(Object.keys(machines).map((machine) => [machine, ROUTING_OPTION_TABLE.filter((option) => option.machine === machine).map(({ name }) => name)]))
    const elsewhere = ['failoverMax', 'staleAfterMs', 'limitMax', 'afterMs', 'queriesPerSecond']
    for (const [machine, options] of Object.entries(machines)) {
      expect([machine, named.get(machine)?.toSorted()]).toEqual([machine, Object.keys(options as object).filter((name) => !elsewhere.includes(name)).toSorted()])
    }
    expect(new Set(ROUTING_OPTION_TABLE.map(({ key }) => key)).size).toBe(ROUTING_OPTION_TABLE.length)
    for (const { key, machine, name, form, default: standard } of ROUTING_OPTION_TABLE) {
      expect([key, parseNodeOptions(tree(key, standard), folder).routing]).toEqual([key, machines])
      if (!('min' in form)) continue
      const outside = form.kind === 'duration' ? `${form.max + 1}ms` : form.max + 1
      expect(() => parseNodeOptions(tree(key, outside), folder), key).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(`the option ${key} is`) as string }) as Error)
      const current = (machines[machine] as unknown as Record<string, number>)[name] as number
      // A little beside its default keeps all rules between options but those of two equal ones.
      const other = form.kind === 'count' ? Math.min(form.max, current + 1) : Math.min(form.max, current * 1.01 + 0.001)
      const set = (): number | undefined => (parseNodeOptions(tree(key, form.kind === 'duration' ? `${other.toFixed(3)}ms` : other), folder).routing[machine] as unknown as Record<string, number>)[name]
      expect([key, set()]).toEqual([key, expect.closeTo(other, 2)])
      expect([key, set()]).not.toEqual([key, current])
    }
  })

  it('say in their groups what they are for', () => {
    for (const { what } of Object.values(ROUTING_GROUPS)) expect(what).toMatch(/\.$/)
    expect(ROUTING_OPTION_TABLE.filter(({ meaning }) => /\w+Ms\b|limitMax/.test(meaning)).map(({ key }) => key)).toEqual([])
  })

  it.each([
    ['routing: { adaptive: { latencyWeight: 2 } }\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing.adaptive.latencyWeight is 2; it takes a number from 0 to 1 | Correct the value; docs/OPTIONS.md gives each range and unit.'],
    ['routing:\n  outliers:\n    baseEjection: 30\n', 'ERR_OPTION_INVALID: reedbase.yaml:3 routing.outliers.baseEjection is 30; it takes a duration with its unit (ms, s, m, h) from 100ms to 1h |'],
    ['routing: { adaptive: { latencyWeigth: 0.2 } }\n', 'ERR_OPTION_UNKNOWN: reedbase.yaml:1 routing.adaptive.latencyWeigth is not an option; did you mean routing.adaptive.latencyWeight? |'],
    ['routing: { outlier: { interval: 5s } }\n', 'ERR_OPTION_UNKNOWN: reedbase.yaml:1 routing.outlier.interval is not an option; did you mean routing.outliers.interval? |'],
    ['routing: { choice: { failoverMax: 5 } }\n', 'ERR_OPTION_UNKNOWN: reedbase.yaml:1 routing.choice.failoverMax is not an option |'],
    ['routing: { adaptive: 0.5 }\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing.adaptive must be a mapping, such as routing: { adaptive: { latencyWeight: 0.5 } } |'],
    ['routing: fast\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing must be a mapping, such as routing: { adaptive: { latencyWeight: 0.5 } } |'],
    ['routing: { twoHop: { relay: } }\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing.twoHop.relay has no value |'],
    ['routing:\n  outliers:\n    baseEjection: 30m\n    ejectionMax: 20m\n', 'ERR_OPTION_INVALID: reedbase.yaml:3 routing.outliers.baseEjection, reedbase.yaml:4 routing.outliers.ejectionMax: routing.outliers.ejectionMax (20m) must not be below routing.outliers.baseEjection (30m)'],
    ['routing: { adaptive: { loadWeight: 0, latencyWeight: 0, resourceWeight: 0, localityWeight: 0 } }\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing.adaptive.loadWeight, reedbase.yaml:1 routing.adaptive.latencyWeight,'],
    ['routing: { gate: { limitMin: 100 } }\n', 'ERR_OPTION_INVALID: reedbase.yaml:1 routing.gate.limitMin: routing.gate.limitMin (100), routing.gate.limitInitial (100) and inFlightMax (64) must rise in this order |'],
  ])('refuses %j', (yaml, message) => {
    expect(refusal(yaml)).toContain(message)
  })

  it('are no flags and no variables', () => {
    expect(() => loadNodeOptions({ flags: { 'routing.adaptive.latencyWeight': '0.5' }, env: {}, cwd: folder })).toThrow('is not an option')
    expect(() => loadNodeOptions({ flags: {}, env: { REEDBASE_ROUTING_ADAPTIVE_LATENCY_WEIGHT: '0.5' }, cwd: folder })).toThrow('is not an option')
  })

  it('are typed for programs', () => {
    const settings: NodeSettings = { routing: { adaptive: { latencyWeight: 1 }, choice: { unmeasuredLatency: '1s' }, affinity: { keysMax: 5 } } }
    expect(parseNodeOptions(settings, folder).routing.decision).toMatchObject({ adaptiveLatencyWeight: 1, unmeasuredLatencyMs: 1_000 })
    // @ts-expect-error: set by an option of its own
    const wrong: NodeSettings = { routing: { choice: { failoverMax: 1 } } }
    expect(() => parseNodeOptions(wrong, folder)).toThrow('is not an option')
  })
})
