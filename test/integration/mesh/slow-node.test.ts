/** A node that is slower than the others, as it learns from what they tell: its clients are answered elsewhere until it is well again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, EngineMesh, type EngineNode } from '../../support/engine-mesh.ts'
import { until } from '../../support/processes.ts'

const SLOW_MS = 400
let mesh: EngineMesh
let slow: EngineNode
let others: EngineNode[]

beforeAll(async () => {
  mesh = await EngineMesh.create()
  const databases = { d: { engine: 'obedient' } }
  const first = await mesh.start('fast1', { databases })
  const { seeds } = first
  const [second, third] = await Promise.all([mesh.start('fast2', { seeds, databases }), mesh.start('slow', { seeds, databases })])
  others = [first, second as EngineNode]
  slow = third as EngineNode
  await mesh.settle()
})
afterAll(async () => { await mesh.stop() })

async function ask(node: EngineNode): Promise<Answer[]> {
  return await Promise.all(Array.from({ length: 4 }, () => node.ask('SELECT * FROM t')))
}

describe('a node that takes much longer than the others', () => {
  it('sends its clients to them, says why, and takes them back when it is well', async () => {
    await slow.engine({ takesMs: SLOW_MS })
    const reasons: string[] = []
    await until('most queries of the slow node to be answered elsewhere', async () => {
      const [answers] = await Promise.all([ask(slow), ...others.map(ask)])
      for (const { route } of answers) if (route.decision === 'forward') reasons.push(route.reason)
      return answers.every(({ node }) => node !== 'slow') && await slow.counter('slowHere') === 1
    })
    for (const reason of reasons) expect(reason).toMatch(/^A query takes \d+ ms here, [\d.]+ × as long as at fast[12]$/)

    expect(await slow.counter('slowHereEntered')).toBeGreaterThan(0)

    await slow.engine({ takesMs: 0 })
    await until('all queries to stay where they are asked', async () => (await ask(slow)).every(({ route }) => route.decision === 'local' && route.reason === 'Local node is below its thresholds'))
  })
})
