/**
 * A node inside a program: it serves a folder of CSV files, and the program asks it without a socket. In a mesh, the same query would leave for
 * another copy when this one is overloaded; give it `seeds` and a keyring, and it is in one.
 *
 *     npx node docs/examples/embedded-node.ts
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, MeshError } from 'reedbase-mesh'

const folder = await mkdtemp(join(tmpdir(), 'embedded-node-'))
await mkdir(join(folder, 'sales'))
await writeFile(join(folder, 'sales/orders.csv'), 'region,amount\nnorth,120\nsouth,80\nnorth,60\n')

const node = await createNode({ name: 'shop', dataDir: join(folder, 'node'), listen: '127.0.0.1:0', databases: { sales: join(folder, 'sales') } })

const result = await node.query('SELECT region, sum(amount) AS total FROM orders WHERE amount > ? GROUP BY region ORDER BY region', { database: 'sales', parameters: [70] })
for await (const { region, total } of result.rows()) console.log(`${region}: ${total}`)
console.log(`answered by ${result.route?.executedBy.name}`)

try {
  await node.query('SELECT amount FROM invoices', { database: 'sales' })
} catch (error) {
  if (error instanceof MeshError) console.log(error.code)
}

await node.stop('the example is over')
await rm(folder, { recursive: true })

// Prints:
// north: 120
// south: 80
// answered by shop
// ERR_SQL
