/** The requests that change a node's configuration. Ranges are the options' own, and judged with them. */
import { MeshError } from '../../errors.ts'
import type { DatabaseEntry, RoutingChange } from '../../wire/configuration-views.ts'

const textCharactersMax = 4_096
const settingsMax = 16

/** @throws MeshError ERR_OPTION_INVALID */
export function routingChangeOf(value: unknown): RoutingChange {
  const { cpuThresholdPercent, memoryThresholdPercent, strategy, pingIntervalMs } = mappingOf(value, 'change of routing')
  return {
    ...(cpuThresholdPercent === undefined ? {} : { cpuThresholdPercent: thresholdOf(cpuThresholdPercent, 'CPU') }),
    ...(memoryThresholdPercent === undefined ? {} : { memoryThresholdPercent: thresholdOf(memoryThresholdPercent, 'memory') }),
    ...(strategy === undefined ? {} : { strategy: strategy === null ? null : textOf(strategy, 'strategy') }),
    ...(pingIntervalMs === undefined ? {} : { pingIntervalMs: intervalOf(pingIntervalMs) }),
  }
}

/** @throws MeshError ERR_OPTION_INVALID */
export function databaseEntryOf(value: unknown): DatabaseEntry {
  const given = mappingOf(value, 'database')
  const settings = Object.entries(given)
  if (settings.length > settingsMax) throw new MeshError('ERR_OPTION_INVALID', `a database has at most ${settingsMax} settings`)
  const entry = Object.fromEntries(settings.map(([key, setting]) => [key, typeof setting === 'number' ? setting : textOf(setting, key)]))
  return { ...entry, path: textOf(given['path'], 'path') }
}

function mappingOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw new MeshError('ERR_OPTION_INVALID', `the ${what} is no mapping`)
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= textCharactersMax && !value.includes('\0')) return value
  throw new MeshError('ERR_OPTION_INVALID', `the ${what.slice(0, 64)} of a database is a text of up to ${textCharactersMax} characters`)
}

function thresholdOf(value: unknown, what: string): number | null {
  if (value === null || (typeof value === 'number' && value >= 1 && value <= 100)) return value
  throw new MeshError('ERR_OPTION_INVALID', `a threshold of ${what} is a percentage from 1 to 100`)
}

function intervalOf(value: unknown): number {
  if (typeof value === 'number' && value >= 100 && value <= 3_600_000) return value
  throw new MeshError('ERR_OPTION_INVALID', 'the interval of pings is from 100ms to 1h')
}
