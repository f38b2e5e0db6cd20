/** The schema that OPTION_TABLE amounts to: each key's reader joined to its range, and the rules between keys. */
import { isIP } from 'node:net'
import * as z from 'zod'
import { isUrl } from '../adapters/postgres/connection-target.ts'
import { STRATEGY_NAMES, type StrategyName } from '../core/routing/strategies/registry.ts'
import { ALERT_RULE_NAMES } from '../core/alerts/rules.ts'
import { readAlertRule } from './options-alerts.ts'
import { ROUTING_OPTION_TABLE } from './options-routing.ts'
import { allowedText, OPTION_TABLE, type OptionForm } from './options-table.ts'
import { databaseNameForm } from '../wire/name-forms.ts'
import { readDuration, readHost, readHostPort, readHttpListen, readNumber, readPeerId, readPercent, readSeed, readSize, readSwitch } from './options-values.ts'

/** Options of the node that a database may have its own of. */
export const databaseThresholds = ['cpuThreshold', 'memoryThreshold', 'overloadLeaveMargin', 'overloadDwell'] as const
export const databaseFields = ['path', 'role', 'threads', 'memory', 'strategy', ...databaseThresholds] as const

/** A reader's null becomes an issue that says what is allowed; then the range is checked, and never clamped. */
function read<T>(reader: (value: unknown) => T | null, form: OptionForm): z.ZodType<T> {
  return z.unknown().transform((value, context) => {
    const parsed = reader(value)
    if (parsed !== null) return parsed
    context.addIssue({ code: 'custom', message: allowedText(form) })
    return z.NEVER
  })
}

function ranged(reader: (value: unknown) => number | null, form: Extract<OptionForm, { min: number }>): z.ZodType<number> {
  const range = z.number().min(form.min, allowedText(form)).max(form.max, allowedText(form))
  return read(reader, form).pipe(form.kind === 'count' ? range.int(allowedText(form)) : range)
}

const threads = { kind: 'count', min: 1, max: 256 } as const
const memory = { kind: 'size', min: 16_000_000, max: 16_000_000_000_000 } as const

/** As the node's option of that name. */
function threshold(key: (typeof databaseThresholds)[number]): z.ZodType<number | undefined> {
  return schemaOf(OPTION_TABLE.find((option) => option.key === key)!.form).optional() as z.ZodType<number | undefined>
}

const thresholds = {
  cpuThreshold: threshold('cpuThreshold'), memoryThreshold: threshold('memoryThreshold'),
  overloadLeaveMargin: threshold('overloadLeaveMargin'), overloadDwell: threshold('overloadDwell'),
}

/** Of a database with an engine of the program's own. */
export const thresholdsSchema = z.strictObject(thresholds)

const databases = z.array(z.object({
  name: z.string('a database name').regex(databaseNameForm, 'a database name: a letter or underscore, then up to 62 letters, digits, underscores and hyphens'),
  path: z.string('the path of a .duckdb file or of a folder').min(1, 'the path of a .duckdb file or of a folder'),
  role: z.enum(['primary', 'replica'], 'a role: primary or replica').nullable().default(null),
  threads: ranged(readNumber, threads).nullable().default(null),
  memory: ranged(readSize, memory).nullable().default(null),
  strategy: z.enum(STRATEGY_NAMES, `a routing strategy: ${STRATEGY_NAMES.join(', ')}`).nullable().default(null),
  ...thresholds,
}).superRefine((database, context) => {
  if (!isUrl(database.path)) return
  // Accepted, they would only seem to hold.
  for (const field of ['role', 'threads', 'memory'] as const) {
    if (database[field] !== null) context.addIssue({ code: 'custom', path: [field], message: `no ${field} for a PostgreSQL database, since its server has its own` })
  }
})).max(256, 'at most 256 databases')

function schemaOf(form: OptionForm): z.ZodType {
  switch (form.kind) {
    case 'text': return z.string(allowedText(form)).regex(form.pattern, allowedText(form))
    case 'path': return z.string(allowedText(form)).min(1, allowedText(form)).refine((path) => !path.includes('\0'), allowedText(form))
    case 'switch': return read(readSwitch, form)
    case 'listen': return read(readHostPort, form).refine(({ host }) => isIP(host) !== 0, allowedText(form))
    case 'http': return read(readHttpListen, form)
    case 'host': return read(readHost, form)
    case 'choice': return z.enum(form.choices as [string, ...string[]], allowedText(form))
    case 'count':
    case 'number': return ranged(readNumber, form)
    case 'percent': return ranged(readPercent, form)
    case 'duration': return ranged(readDuration, form)
    case 'size': return ranged(readSize, form)
    case 'seeds': return z.array(read(readSeed, form), 'a list').max(64, 'at most 64 seeds')
    case 'peers': return z.array(read(readPeerId, form), 'a list').max(512, 'at most 512 PeerIds')
    case 'databases': return databases
    case 'alerts': return z.array(read(readAlertRule, form), 'a list').max(ALERT_RULE_NAMES.length, 'each rule once')
  }
}

/** Flat: a key such as `membership.preset` is one property. */
export const optionsSchema = z.object(Object.fromEntries([...OPTION_TABLE, ...ROUTING_OPTION_TABLE].map(({ key, form }) => [key, schemaOf(form).optional()])))

export interface ParsedDatabase {
  readonly name: string
  readonly path: string
  readonly role: 'primary' | 'replica' | null
  readonly threads: number | null
  readonly memory: number | null
  readonly strategy: StrategyName | null
  readonly cpuThreshold?: number | undefined
  readonly memoryThreshold?: number | undefined
  readonly overloadLeaveMargin?: number | undefined
  readonly overloadDwell?: number | undefined
}
