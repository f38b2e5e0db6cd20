/** How the rules of alerts are written: `cpu=95,for=2m,severity=critical`, `disk=off`, and in the file as a mapping. */
import { ALERT_RANGES, ALERT_RULE_NAMES, ALERT_RULES, type AlertRuleName, type AlertRuleSettings } from '../core/alerts/rules.ts'
import { readDuration, readNumber, readPercent } from './options-values.ts'

export interface ParsedAlertRule extends Readonly<Partial<AlertRuleSettings>> {
  readonly rule: AlertRuleName
}

/** Of one text or one mapping with its rule; null for what is not of the form, or out of range. */
export function readAlertRule(value: unknown): ParsedAlertRule | null {
  const given = typeof value === 'string' ? ofText(value) : value
  if (typeof given !== 'object' || given === null) return null
  const { rule, enabled, above, for: duration, severity, ...unknown } = given as Readonly<Record<string, unknown>>
  if (typeof rule !== 'string' || !Object.hasOwn(ALERT_RULES, rule) || Object.keys(unknown).length > 0) return null
  const name = rule as AlertRuleName
  if (enabled === false) return { rule: name, enabled: false }
  const threshold = above === undefined ? null : thresholdOf(name, above)
  const forMs = duration === undefined ? null : readDuration(duration)
  if ((above !== undefined && threshold === null) || (duration !== undefined && (forMs === null || forMs < ALERT_RANGES.for.min || forMs > ALERT_RANGES.for.max))) return null
  if (severity !== undefined && severity !== 'warning' && severity !== 'critical') return null
  return { rule: name, ...(threshold === null ? {} : { above: threshold }), ...(forMs === null ? {} : { forMs }), ...(severity === undefined ? {} : { severity }) }
}

/** The file's mapping as the list that flags make; what is not one is left to the schema, which says so. */
export function alertRulesOfTree(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.entries(value as object).map(([rule, settings]: [string, unknown]) => {
    if (settings === 'off' || settings === false) return { rule, enabled: false }
    return typeof settings === 'object' && settings !== null ? { rule, ...settings } : { rule, above: settings }
  })
}

/** What is wrong with a rule of a mapping, in the words of a mapping; null for one of a flag. */
export function refusedAlertRule(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const { rule, ...settings } = value as Readonly<Record<string, unknown>>
  if (typeof rule !== 'string') return null
  if (!Object.hasOwn(ALERT_RULES, rule)) return `has no rule ${JSON.stringify(rule)}; it takes ${ALERT_RULE_NAMES.join(', ')}`
  const { unit } = ALERT_RULES[rule as AlertRuleName]
  const threshold = { percent: ['a percentage', 'above, '], ms: ['a time', 'above, '], state: [null, ''] }[unit]
  return `for ${rule} is ${JSON.stringify(settings)}; it takes ${['off', threshold[0], `a mapping of ${threshold[1] ?? ''}for and severity (warning, critical)`].filter((form) => form !== null).join(', or ')}`
}

function ofText(text: string): unknown {
  const [first = '', ...settings] = text.split(',')
  const [rule, above] = first.split('=', 2)
  if (above === 'off' && settings.length === 0) return { rule, enabled: false }
  return { rule, ...(above === undefined ? {} : { above }), ...Object.fromEntries(settings.map((setting) => setting.split('=', 2))) }
}

/** A percentage, or milliseconds with their unit or without; a state has none. */
function thresholdOf(rule: AlertRuleName, value: unknown): number | null {
  const { unit } = ALERT_RULES[rule]
  if (unit === 'state') return null
  const figure = unit === 'ms' ? readDuration(value) ?? readNumber(value) : readPercent(value)
  return figure === null || figure < ALERT_RANGES[unit].min || figure > ALERT_RANGES[unit].max ? null : figure
}
