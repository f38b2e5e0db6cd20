/** As Patroni answers load balancers: is this node's copy the one that takes writes, or one that is read. */
import type { NodeStatusView } from '../../wire/control.ts'

export interface RoleVerdict {
  readonly isFit: boolean
  readonly databases: ReadonlyArray<{ readonly name: string; readonly role: string; readonly ready: boolean; readonly lagMs: number | null; /** Null: it is as asked. */ readonly problem: string | null }>
  /** What holds for all of them; null: nothing. */
  readonly problem: string | null
}

export interface RoleQuestion {
  readonly role: 'primary' | 'replica'
  /** Null: every database of this node. */
  readonly database: string | null
  /** The most that a replica may be behind; null: any. */
  readonly lagMsMax: number | null
}

/** Unlike readiness it is about the copy here: a proxy that splits reads and writes itself does not want them forwarded. */
export function roleVerdict({ databases, quorum }: Pick<NodeStatusView, 'databases' | 'quorum'>, isDraining: boolean, { role, database, lagMsMax }: RoleQuestion): RoleVerdict {
  const isRefused = !quorum.hasQuorum && (quorum.policy === 'refuse' || (quorum.policy === 'read-only' && role === 'primary'))
  const problem = isDraining ? 'the node is shutting down' : isRefused ? `the node is without a quorum, and its minority policy is ${quorum.policy}` : null
  const asked = databases.filter(({ name }) => database === null || name === database).map((copy) => ({ name: copy.name, role: copy.role, ready: copy.ready, lagMs: copy.lagMs, problem: problemOf(copy, role, lagMsMax) }))
  const missing = asked.length > 0 ? null : database === null ? 'the node serves no database' : `the node does not serve ${database}`
  return { isFit: problem === null && missing === null && asked.every((copy) => copy.problem === null), databases: asked, problem: problem ?? missing }
}

function problemOf({ role, ready, lagMs }: NodeStatusView['databases'][number], wanted: RoleQuestion['role'], lagMsMax: number | null): string | null {
  if (role !== wanted) return `it is a ${role}`
  if (!ready) return 'it is not ready'
  if (wanted === 'primary' || lagMsMax === null) return null
  if (lagMs === null) return 'how far it is behind is not known'
  return lagMs <= lagMsMax ? null : `it is ${Math.round(lagMs)} ms behind`
}
