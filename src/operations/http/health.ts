/**
 * What a node says of its health. `fail` means that it is of no use to who asks now, so send them elsewhere; `warn`, that somebody should
 * look while it goes on serving. Overload is a warning: such a node forwards what it cannot run, and taking it out would only make the others
 * share its work.
 */
import { overloadConsequence } from '../../node/overload-consequence.ts'
import type { MemberView, NodeStatusView } from '../../wire/control.ts'
import type { AlertView, DatabaseView } from '../../wire/operations-views.ts'
import type { TablesSource } from '../types.ts'

export type HealthStatus = 'pass' | 'warn' | 'fail'

export interface HealthReason {
  readonly check: 'state' | 'quorum' | 'partition' | 'databases' | 'load' | 'local-health' | 'tables' | 'alerts'
  readonly status: Exclude<HealthStatus, 'pass'>
  /** One sentence for people. */
  readonly reason: string
}

export interface HealthVerdict {
  /** The worst of the reasons; `pass` without any. */
  readonly status: HealthStatus
  readonly reasons: readonly HealthReason[]
}

/** What health rests on. */
export interface HealthFacts {
  readonly status: Pick<NodeStatusView, 'state' | 'databases' | 'load' | 'localHealth' | 'partition' | 'quorum'>
  readonly isDraining: boolean
  readonly databases: readonly DatabaseView[]
  readonly alerts: readonly AlertView[]
  readonly tablesProblem: ReturnType<TablesSource['problem']>
  /** This node among them; asked only where it matters. */
  readonly members: () => readonly MemberView[]
}

export function overallHealth(facts: HealthFacts): HealthVerdict {
  const { status: { load, localHealth }, alerts, tablesProblem, members } = facts
  const firing = alerts.filter(({ state }) => state === 'firing')
  return verdictOf([
    ...readiness(facts).reasons, ...meshReasons(facts),
    ...(load.overloaded ? [warn('load', [`overloaded: CPU ${Math.round(load.cpuPercent)} %, memory ${Math.round(load.memoryPercent)} %`, overloadConsequence(members())].filter((text) => text !== null).join('; '))] : []),
    ...(localHealth.score * 2 >= localHealth.max && localHealth.score > 0 ? [warn('local-health', `this node is slow to hear and to answer: local health ${localHealth.score} of ${localHealth.max}`)] : []),
    ...(tablesProblem === null ? [] : [warn('tables', `the tables on disk cannot be written: ${tablesProblem.code}`)]),
    ...firing.map(({ severity, rule }) => warn('alerts', `the ${severity} alert ${rule} is firing`)),
  ])
}

/** Whether a client should send its next query here: of this database, or of any. A query that goes to a peer from here is served as well. */
export function readiness({ status: { state, databases: own, quorum }, isDraining, databases }: Pick<HealthFacts, 'status' | 'isDraining' | 'databases'>, database: string | null = null): HealthVerdict {
  const reasons: HealthReason[] = []
  if (isDraining) reasons.push(fail('state', 'the node is shutting down and takes no new query'))
  else if (state !== 'alive' && state !== 'suspect') reasons.push(fail('state', `the node is ${state}: it takes no part in the mesh`))
  else if (state === 'suspect') reasons.push({ check: 'state', status: 'warn', reason: 'others suspect this node of having failed' })
  if (!quorum.hasQuorum && quorum.policy === 'refuse') reasons.push(fail('quorum', `${quorum.reachable} of ${quorum.known} members are reachable, ${quorum.needed} are needed, and the minority policy refuses queries`))
  const asked = database === null ? own.map(({ name }) => name) : [database]
  const unready = asked.filter((name) => !databases.some((view) => view.name === name && view.copies.some(({ ready }) => ready)))
  const elsewhere = own.filter(({ name, ready }) => asked.includes(name) && !ready && !unready.includes(name)).map(({ name }) => name)
  // One database of several that nobody can answer is no reason to take the others out.
  for (const name of unready) reasons.push({ check: 'databases', status: unready.length === asked.length ? 'fail' : 'warn', reason: `no copy of ${name} is ready, here or elsewhere` })
  for (const name of elsewhere) reasons.push({ check: 'databases', status: 'warn', reason: `the copy of ${name} here is not ready: its queries go to peers` })
  return verdictOf(reasons)
}

/** How the mesh looks from here. Without a quorum it fails, whatever the policy. */
export function membershipHealth(facts: Pick<HealthFacts, 'status' | 'isDraining'>): HealthVerdict {
  const { status: { quorum } } = facts
  const lost = quorum.hasQuorum ? [] : [fail('quorum', `${quorum.reachable} of ${quorum.known} members are reachable, ${quorum.needed} are needed`)]
  return verdictOf([...readiness({ ...facts, databases: [], status: { ...facts.status, databases: [], quorum: { ...quorum, hasQuorum: true } } }).reasons, ...lost, ...meshReasons(facts).filter(({ check }) => check === 'partition')])
}

function meshReasons({ status: { quorum, partition } }: Pick<HealthFacts, 'status'>): HealthReason[] {
  return [
    ...(quorum.hasQuorum || quorum.policy === 'refuse' ? [] : [warn('quorum', `${quorum.reachable} of ${quorum.known} members are reachable, ${quorum.needed} are needed; the minority policy is ${quorum.policy}`)]),
    ...(partition === null ? [] : [warn('partition', `${partition.away} members are out of reach at once: a partition is likely`)]),
  ]
}

export function verdictOf(reasons: readonly HealthReason[]): HealthVerdict {
  const status = reasons.some((reason) => reason.status === 'fail') ? 'fail' : reasons.length > 0 ? 'warn' : 'pass'
  return { status, reasons: [...reasons].sort((one, other) => Number(other.status === 'fail') - Number(one.status === 'fail')) }
}

function warn(check: HealthReason['check'], reason: string): HealthReason {
  return { check, status: 'warn', reason }
}

function fail(check: HealthReason['check'], reason: string): HealthReason {
  return { check, status: 'fail', reason }
}
