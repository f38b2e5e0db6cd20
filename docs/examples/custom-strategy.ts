/**
 * A strategy of one's own: of the copies that may take a query, the one whose power is the cleanest, unless it is busy. Whether a copy may (alive,
 * healthy, ready, fresh enough) is not the strategy's business: those that may not are never shown to it.
 *
 *     npx node docs/examples/custom-strategy.ts
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createNode, createScoringStrategy } from 'reedbase-mesh'

const gramsPerKilowattHour: Readonly<Record<string, number>> = { oslo: 25, warsaw: 650 }
const greenest = createScoringStrategy('greenest', ({ site }, { inFlight }) => (gramsPerKilowattHour[site.datacenter] ?? 1_000) * (1 + inFlight))

const folder = await mkdtemp(join(tmpdir(), 'custom-strategy-'))
await mkdir(join(folder, 'sales'))
await writeFile(join(folder, 'sales/orders.csv'), 'region,amount\nnorth,120\nsouth,80\n')

const options = (name: string) => ({ name, dataDir: join(folder, name), listen: '127.0.0.1:0' })
const databases = { sales: join(folder, 'sales') }
const oslo = await createNode({ ...options('oslo1'), datacenter: 'oslo', databases })
const seeds = oslo.tcpMultiaddrs.slice(0, 1)
const warsaw = await createNode({ ...options('warsaw1'), datacenter: 'warsaw', databases, seeds })
// Without a copy of its own, so that each query has to go somewhere.
const entry = await createNode({ ...options('entry'), seeds, strategy: 'greenest' }, { strategies: { greenest: () => greenest } })

const copies = () => entry.members.list().filter(({ local, state, load }) => !local && state === 'alive' && load !== null)
while (copies().length < 2) await wait(50)

// The lower score is chosen among copies that are equally well: one that is overloaded comes after all that are not, whatever its score.
const { strategy, candidates } = await entry.explain('SELECT * FROM orders', { database: 'sales' })
console.log(`by ${strategy}:`)
for (const { name, score } of candidates.filter(({ isLocal }) => !isLocal).toSorted((a, b) => a.name.localeCompare(b.name))) console.log(`${name} scores ${score}`)

const result = await entry.query('SELECT count(*) AS orders FROM orders', { database: 'sales' })
for await (const row of result.rows()) console.log(row)

for (const node of [entry, warsaw, oslo]) await node.stop('the example is over')
await rm(folder, { recursive: true })

// Prints:
// by greenest:
// oslo1 scores 25
// warsaw1 scores 650
// { orders: 2n }
