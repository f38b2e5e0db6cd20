import { describe, expect, it } from 'vitest'
import { loadNodeOptions, parseNodeOptions } from '../../../src/node/options.ts'

const rulesOf = (tree: object) => parseNodeOptions(tree, '/').alerts.rules

describe('rules of alerts', () => {
  it('are read from flags', () => {
    const { alerts } = loadNodeOptions({ flags: { 'alerts.rules': ['cpu=95,for=2m,severity=warning', 'disk=off', 'peerLatency=1s', 'memory,for=10s'], 'alerts.webhook': 'https://example.net/hook' }, env: {}, cwd: '/' })
    expect(alerts).toEqual({
      webhook: 'https://example.net/hook',
      rules: { cpu: { above: 95, forMs: 120_000, severity: 'warning' }, disk: { enabled: false }, peerLatency: { above: 1_000 }, memory: { forMs: 10_000 } },
    })
  })

  it('are read from a mapping', () => {
    expect(rulesOf({ alerts: { rules: { cpu: { above: 95, for: '2m' }, forwardRate: 80, disk: 'off', quorum: { severity: 'warning' }, decisionTime: 0.5 } } }))
      .toEqual({ cpu: { above: 95, forMs: 120_000 }, forwardRate: { above: 80 }, disk: { enabled: false }, quorum: { severity: 'warning' }, decisionTime: { above: 0.5 } })
  })

  it.each([
    ['cpuu=90'], ['cpu=120'], ['cpu=90,for=never'], ['cpu=90,severity=fatal'], ['cpu=90,foo=1'], ['quorum=3'], ['cpu=off,for=2m'], ['cpu=90,for=48h'], [''],
  ])('%s is refused, with what is allowed', (text) => {
    expect(() => loadNodeOptions({ flags: { 'alerts.rules': [text] }, env: {}, cwd: '/' })).toThrow(/it takes rule=off or rule\[=threshold\]/)
  })

  it.each<[object, string]>([
    [{ cpu: { above: 'x' } }, 'for cpu is {"above":"x"}; it takes off, or a percentage, or a mapping of above, for and severity (warning, critical)'],
    [{ peerLatency: 'soon' }, 'for peerLatency is {"above":"soon"}; it takes off, or a time, or a mapping of above, for and severity (warning, critical)'],
    [{ quorum: 3 }, 'for quorum is {"above":3}; it takes off, or a mapping of for and severity (warning, critical)'],
    [{ cpuu: 'off' }, 'has no rule "cpuu"; it takes cpu, memory, forwardRate, peerLatency, decisionTime, measurementErrors, quorum, partition, disk, clock'],
  ])('%j of a program is refused in words of a mapping', (rules, message) => {
    expect(() => rulesOf({ alerts: { rules } })).toThrow(`the option alerts.rules ${message}`)
  })

  it('has nothing set by default', () => {
    expect(rulesOf({})).toEqual({})
  })
})
