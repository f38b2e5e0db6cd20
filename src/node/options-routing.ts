/**
 * The options of routing's machines, which their own schemas in core define, as the configuration file and programs give them: one group a machine under
 * `routing`. They steer how queries are placed and are seldom changed, so they have no flags and no variables: those of OPTION_TABLE that set one of
 * them are left out here.
 */
import { ADMISSION_OPTIONS, type AdmissionOptions, parseAdmissionOptions } from '../core/admission/options.ts'
import { parseTwoHopOptions, TWO_HOP_OPTIONS, type TwoHopOptions } from '../core/latency/two-hop-options.ts'
import { HOTSPOT_OPTIONS, type HotspotOptions, parseHotspotOptions } from '../core/load/hotspots.ts'
import { completeOptions, type OptionRange } from '../core/options/ranges.ts'
import { AFFINITY_OPTIONS, type AffinityOptions } from '../core/routing/affinity.ts'
import { FEEDBACK_OPTIONS, type FeedbackOptions, parseFeedbackOptions } from '../core/routing/feedback-options.ts'
import { HEDGING_OPTIONS, type HedgingOptions } from '../core/routing/hedging.ts'
import { parseRoutingOptions, ROUTING_OPTIONS, type RoutingOptions } from '../core/routing/options.ts'
import { OUTLIER_OPTIONS, type OutlierOptions, parseOutlierOptions } from '../core/routing/outlier-options.ts'
import { RETRY_BUDGET_OPTIONS, type RetryBudgetOptions } from '../core/routing/retry-budget.ts'
import { MeshError } from '../errors.ts'
import type { SourcedOptions } from './options-sources.ts'
import type { OptionForm } from './options-table.ts'
import { writeDuration } from './options-values.ts'

/** Complete and checked, as the machines take them. */
export interface RoutingMachineOptions {
  readonly decision: RoutingOptions
  readonly feedback: FeedbackOptions
  readonly outliers: OutlierOptions
  readonly twoHop: TwoHopOptions
  readonly gate: AdmissionOptions
  readonly affinity: AffinityOptions
  readonly hedging: HedgingOptions
  readonly retries: RetryBudgetOptions
  readonly hotspots: HotspotOptions
}

type Machine = keyof RoutingMachineOptions
type Given<Name extends string> = Readonly<Partial<Record<Name, number>>>

interface Group {
  readonly machine: Machine
  readonly what: string
  readonly ranges: Readonly<Record<string, OptionRange>>
  /** The name in the group; null: not of this group, or set elsewhere. */
  readonly keyOf: (name: string) => string | null
}

/** The option that sets what a machine calls by another name. */
const setElsewhere: Readonly<Record<string, string>> = { limitMax: 'inFlightMax', afterMs: 'hedgeAfter', queriesPerSecond: 'hotspotRate' }
const weightPattern = /^adaptive([A-Z].*)$/

function except(...names: readonly string[]): (name: string) => string | null {
  return (name) => (names.includes(name) ? null : withoutUnit(name))
}

export const ROUTING_GROUPS = {
  adaptive: { machine: 'decision', what: 'Weights of the strategy `adaptive`, relative to each other.', ranges: ROUTING_OPTIONS, keyOf: (name: string) => weightPattern.exec(name)?.[1]?.replace(/^./, (first) => first.toLowerCase()) ?? null },
  choice: { machine: 'decision', what: 'How a node decides, and how strategies compare peers.', ranges: ROUTING_OPTIONS, keyOf: (name: string) => (weightPattern.test(name) ? null : except('failoverMax', 'staleAfterMs')(name)) },
  feedback: { machine: 'feedback', what: 'What a node learns of its peers by its own queries: response times, slow start, probes.', ranges: FEEDBACK_OPTIONS, keyOf: except() },
  outliers: { machine: 'outliers', what: 'When a peer that breaks queries, or is far slower than the others, is kept out.', ranges: OUTLIER_OPTIONS, keyOf: except() },
  gate: { machine: 'gate', what: 'How many queries run at once below `inFlightMax`, and how many wait.', ranges: ADMISSION_OPTIONS, keyOf: except('limitMax') },
  twoHop: { machine: 'twoHop', what: 'When queries go by way of a third node.', ranges: TWO_HOP_OPTIONS, keyOf: except() },
  affinity: { machine: 'affinity', what: 'How long sessions and tables keep to their node.', ranges: AFFINITY_OPTIONS, keyOf: except() },
  hedging: { machine: 'hedging', what: 'How second requests are rationed where `hedgeAfter` allows them.', ranges: HEDGING_OPTIONS, keyOf: except('afterMs') },
  retries: { machine: 'retries', what: 'How many attempts on further peers all queries together may make.', ranges: RETRY_BUDGET_OPTIONS, keyOf: except() },
  hotspots: { machine: 'hotspots', what: 'How the rate of `hotspotRate` is taken, and what is done about it.', ranges: HOTSPOT_OPTIONS, keyOf: except('queriesPerSecond') },
} as const satisfies Readonly<Record<string, Group>>

export interface RoutingOption {
  /** As the configuration file has it: `routing.group.name`. */
  readonly key: string
  readonly group: keyof typeof ROUTING_GROUPS
  readonly machine: Machine
  /** As the machine calls it. */
  readonly name: string
  readonly form: OptionForm
  readonly default: string
  /** What it is, then what rises and what falls when it grows. */
  readonly meaning: string
}

export const ROUTING_OPTION_TABLE: readonly RoutingOption[] = Object.freeze((Object.keys(ROUTING_GROUPS) as Array<keyof typeof ROUTING_GROUPS>).flatMap((group) => {
  const { machine, ranges, keyOf }: Group = ROUTING_GROUPS[group]
  return Object.entries(ranges).flatMap(([name, { unit, min, max, default: standard, description }]): RoutingOption[] => {
    const key = keyOf(name)
    if (key === null) return []
    return [{
      key: `routing.${group}.${key}`, group, machine, name, form: { kind: unit === 'ms' ? 'duration' : unit === 'count' ? 'count' : unit === 'percent' ? 'percent' : 'number', min, max },
      default: unit === 'ms' ? writeDuration(standard) : String(standard),
      meaning: description.replaceAll(/\b[a-z]+[A-Z]\w*\b/g, (word) => setElsewhere[word] ?? (word in ranges ? keyOf(word) : null) ?? word),
    }]
  })
}))

/** A duration carries its unit in its value: `probeAgeMsMax` is written `probeAgeMax: 1s`. */
function withoutUnit(name: string): string {
  return name.replace(/Ms(Max|Min)?$/, '$1')
}

/** A machine's message about its options, with their names and values as the configuration file has them. */
function inKeys(message: string, machine: Machine): string {
  return message.replaceAll(/\b(?:\w+\.)?(\w+) \(([\d.]+)\)/g, (as: string, name: string, value: string) => {
    const option = ROUTING_OPTION_TABLE.find((candidate) => candidate.machine === machine && candidate.name === name)
    if (option === undefined) return name in setElsewhere ? `${setElsewhere[name] ?? ''} (${value})` : as
    return `${option.key} (${option.form.kind === 'duration' ? writeDuration(Number(value)) : value})`
  })
}

export interface SetElsewhere {
  readonly failoverMax: number
  readonly loadIntervalMs: number
  readonly inFlightMax: number
  readonly hedgeAfterMs: number
  readonly hotspotPerSecond: number
}

/**
 * The options of each machine, from checked values by key and from the options that set some of theirs.
 * @throws MeshError ERR_OPTION_INVALID where values contradict each other; names their sources
 */
export function routingOptionsOf(values: Readonly<Record<string, unknown>>, merged: SourcedOptions, { failoverMax, loadIntervalMs, inFlightMax, hedgeAfterMs, hotspotPerSecond }: SetElsewhere): RoutingMachineOptions {
  const parse = <Name extends string, Options>(machine: Machine, parser: (input: Given<Name>) => Options, standard: Given<Name>): Options => {
    const given = ROUTING_OPTION_TABLE.filter((option) => option.machine === machine && values[option.key] !== undefined)
    try {
      return parser({ ...standard, ...Object.fromEntries(given.map(({ key, name }) => [name, values[key] as number])) })
    } catch (error) {
      if (!(error instanceof MeshError) || given.length === 0) throw error
      const sources = given.map(({ key }) => merged.get(key)?.source ?? key)
      throw new MeshError(error.code, `${sources.join(', ')}: ${inKeys(error.message, machine)}`, { nextStep: error.nextStep, cause: error })
    }
  }
  return {
    decision: parse('decision', parseRoutingOptions, { failoverMax, staleAfterMs: 3 * loadIntervalMs }),
    feedback: parse('feedback', parseFeedbackOptions, {}),
    outliers: parse('outliers', parseOutlierOptions, {}),
    // As many load intervals as the default is: a vector comes in every other snapshot.
    twoHop: parse('twoHop', parseTwoHopOptions, { vectorAgeMsMax: 3 * loadIntervalMs }),
    gate: parse('gate', parseAdmissionOptions, { limitMax: inFlightMax }),
    affinity: parse('affinity', (input: Given<keyof AffinityOptions>) => completeOptions('affinity', AFFINITY_OPTIONS, input), {}),
    hedging: parse('hedging', (input: Given<keyof HedgingOptions>) => completeOptions('hedging', HEDGING_OPTIONS, input), { afterMs: hedgeAfterMs }),
    retries: parse('retries', (input: Given<keyof RetryBudgetOptions>) => completeOptions('retryBudget', RETRY_BUDGET_OPTIONS, input), {}),
    hotspots: parse('hotspots', parseHotspotOptions, { queriesPerSecond: hotspotPerSecond }),
  }
}
