/**
 * A node process whose engine does as its parent says: `createNode()` with an engine of its own, as docs/examples/custom-engine.ts shows. It
 * knows two statements, `SELECT * FROM <table>` and `INSERT INTO <table> VALUES (<number>)`; both answer with the node's name and the number
 * that was written there last, whatever the table. A copy sees no writes but its own, as one that is far behind.
 */
import { setTimeout } from 'node:timers/promises'
import { createNode, createRowsResult, MeshError, type EngineFactory, type NodeSettings, type QueryEngine } from 'reedbase-mesh'

export interface EngineNodeOptions {
  readonly settings: NodeSettings
}

export interface EngineBehaviour {
  /** From then on queries wait until it is false again, or until they are cancelled. */
  readonly isHeld?: boolean
  readonly isFailing?: boolean
  /** How long each query takes. */
  readonly takesMs?: number
  /** So many of those that wait go on, the oldest first, while the others stay held. */
  readonly releases?: number
}

/** Since the start, of all databases of the node. */
export interface EngineCounters {
  readonly started: number
  readonly running: number
  readonly finished: number
  readonly cancelled: number
  readonly failed: number
  /** The statements, in the order in which they started; the latest 10,000. */
  readonly statements: readonly string[]
}

export type ToEngineNode = { readonly id: number; readonly behaviour: EngineBehaviour; readonly forgets: boolean }
export type FromEngineNode = { readonly ready: { readonly peerId: string; readonly tcpMultiaddrs: readonly string[] } } | { readonly id: number; readonly counters: EngineCounters }

const STATEMENTS_MAX = 10_000
const counts = { started: 0, running: 0, finished: 0, cancelled: 0, failed: 0 }
let statements: string[] = []
let isHeld = false
let isFailing = false
let takesMs = 0
const waiting = new Set<() => void>()

function released(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', stop)
      resolve()
    }
    const stop = (): void => {
      waiting.delete(go)
      counts.cancelled++
      reject(signal.reason as Error)
    }
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    waiting.add(go)
  })
}

/** Verb, table and value, as far as there are any. */
function parse(sql: string): string[] {
  const [, select, insert, value] = /^(?:\/\*.*?\*\/\s*)?(?:SELECT \* FROM (\w+)|INSERT INTO (\w+) VALUES \((\d+)\))$/.exec(sql) ?? []
  if (select !== undefined) return ['SELECT', select]
  return insert === undefined || value === undefined ? [] : ['INSERT', insert, value]
}

function engineOf(name: string): EngineFactory {
  return ({ database, settings }) => {
    let written = 0
    const engine: QueryEngine = {
      database, kind: 'obedient', role: (settings as { role?: 'primary' } | undefined)?.role ?? 'replica',
      isReady: () => true,
      classify: (text) => {
        const [verb, table] = parse(text)
        if (table === undefined) return Promise.reject(new MeshError('ERR_SQL', `"${text}" is neither of the two statements`))
        return Promise.resolve(verb === 'SELECT' ? 'read' : 'write')
      },
      tablesOf: (text) => parse(text).slice(1, 2),
      execute: async ({ sql, signal }) => {
        counts.started++
        counts.running++
        if (statements.length < STATEMENTS_MAX) statements.push(sql)
        try {
          if (isFailing) {
            counts.failed++
            throw new Error('the engine fails, as it was told to')
          }
          if (isHeld) await released(signal)
          if (takesMs > 0) await setTimeout(takesMs, null, { signal })
          const [, , value] = parse(sql)
          if (value !== undefined) written = Number(value)
          counts.finished++
          return createRowsResult([{ name: 'node', type: 'text' }, { name: 'written', type: 'double' }], [[name, written]])
        } finally {
          counts.running--
        }
      },
      close: () => Promise.resolve(),
    }
    return Promise.resolve(engine)
  }
}

function tell(message: FromEngineNode): void {
  process.send?.(message)
}

process.on('message', ({ id, behaviour, forgets }: ToEngineNode) => {
  if (forgets) statements = []
  isFailing = behaviour.isFailing ?? isFailing
  isHeld = behaviour.isHeld ?? isHeld
  takesMs = behaviour.takesMs ?? takesMs
  for (const go of [...waiting].slice(0, isHeld ? behaviour.releases ?? 0 : waiting.size)) {
    waiting.delete(go)
    go()
  }
  tell({ id, counters: { ...counts, statements } })
})
// Without its parent there is nobody to stop it.
process.on('disconnect', () => process.exit(0))

const { settings } = JSON.parse(process.argv[2] ?? '{}') as EngineNodeOptions
const node = await createNode(settings, { engines: { obedient: engineOf(settings.name ?? '') } })
tell({ ready: { peerId: node.peerId, tcpMultiaddrs: node.tcpMultiaddrs } })
