/** Prometheus' rules for names (https://prometheus.io/docs/practices/naming/), and ours: who reads the help knows what a label holds. */
import { describe, expect, it } from 'vitest'
import type { MetricDefinition } from '../../../../src/operations/metrics/definition.ts'
import { httpMetrics } from '../../../../src/operations/metrics/http.ts'
import { readMetrics } from '../../../../src/operations/metrics/node-metrics.ts'
import { observedMetrics } from '../../../../src/operations/metrics/observed.ts'

const all = [...readMetrics, ...observedMetrics, ...httpMetrics]
const suffixes: Partial<Record<MetricDefinition['unit'], string>> = { seconds: '_seconds', 'Unix time': '_seconds', bytes: '_bytes', 'bytes per second': '_bytes_per_second', ratio: '_ratio' }
const namesOf = (definitions: readonly MetricDefinition[]): string[] => definitions.map(({ name }) => name)

describe('the metrics of a node', () => {
  it('have names of their own, in lower case, under one prefix', () => {
    expect(new Set(namesOf(all)).size).toBe(all.length)
    expect(namesOf(all).filter((name) => !/^reedbase_[a-z0-9]+(?:_[a-z0-9]+)*$/.test(name))).toEqual([])
  })

  it('end in their unit, and counters, and only they, in _total', () => {
    expect(namesOf(all.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter')))).toEqual([])
    expect(namesOf(all.filter(({ name, unit }) => !name.replace(/_total$/, '').endsWith(suffixes[unit] ?? '')))).toEqual([])
    expect(namesOf(all.filter(({ name, unit }) => suffixes[unit] === undefined && /_(?:seconds|bytes|ratio)(?:_total)?$/.test(name)))).toEqual([])
    expect(namesOf(all.filter(({ name }) => /_(?:count|sum|bucket)$/.test(name)))).toEqual([])
  })

  it('say in a sentence what they mean, and what each label holds', () => {
    expect(namesOf(all.filter(({ help }) => !/^[A-Z0-9].*\.$/.test(help)))).toEqual([])
    expect(namesOf(all.filter(({ help, labels }) => labels.some((label) => !help.includes(`${label}:`) && !help.includes(`${label},`))))).toEqual([])
  })

  it('show no counter twice in one metric', () => {
    expect(namesOf(readMetrics.filter(({ counters }) => new Set(counters).size !== counters.length))).toEqual([])
  })
})
