import fc from 'fast-check'
import { parse } from 'csv-parse/sync'
import { expect, it } from 'vitest'
import { nodesTable } from '../../../../src/operations/tables/nodes-table.ts'
import { findFault } from '../../../../src/wire/membership-record.ts'
import { createTestRecord } from '../../../support/member-records.ts'
import { memberView } from './measured-node.ts'

const text = fc.string({ unit: fc.constantFrom(...'=+-@\t\r|"\',a1_. '), minLength: 1, maxLength: 4 })

it('no cell of nodes.csv is a formula, whatever peers call themselves and their databases', () => {
  const accepted = { names: 0, databases: 0 }
  fc.assert(fc.property(text, text, (name, database) => {
    const record = createTestRecord('12D3KooWa', { name, databases: [{ name: database, role: 'primary', engine: 'duckdb' }] })
    // Others never become members.
    const believed = [record, { ...record, databases: [] }].find((one) => findFault(one) === null)
    if (believed === undefined) return
    accepted.names++
    accepted.databases += believed.databases.length
    const cells = parse(nodesTable([memberView(name, { record: believed })], 0)) as string[][]
    for (const cell of cells.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
  }), { numRuns: 2_000 })
  expect([accepted.names > 0, accepted.databases > 0]).toEqual([true, true])
})
