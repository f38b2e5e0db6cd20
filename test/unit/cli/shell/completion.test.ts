import { describe, expect, it } from 'vitest'
import { complete } from '../../../../src/cli/shell/completion.ts'

const tables = [
  { name: 'users', columns: [{ name: 'id', type: 'INTEGER' }, { name: 'name', type: 'VARCHAR' }] },
  { name: 'user_orders', columns: [{ name: 'id', type: 'INTEGER' }, { name: 'amount', type: 'DOUBLE' }, { name: '"Day"', type: 'DATE' }] },
  { name: 'stats."Big Table"', columns: [{ name: 'n', type: 'BIGINT' }] },
]
const offered = (line: string, statement = ''): string[] => complete(line, { statement, tables })[0]

describe('Tab in the shell', () => {
  it.each([
    ['.ti', ['.timing ']], ['select * from us', ['users', 'user_orders']], ['select * from users where na', ['name']], ['update USERS set na', ['name']],
    ['select am', ['amount']], ['select u.n', []], ['select * from users u where u.', ['id', 'name']], ['select users.na', ['name']], ['select * from user_orders o join users on o.am', ['amount']],
    ['sele', ['select']], ['SELE', ['SELECT']], ['select * from user_orders where "D', ['"Day"']], ['select * from stats.', ['"Big Table"']], ['select 1', []],
  ])('after %j offers %j', (line, offers) => {
    expect(offered(line)).toEqual(offers)
  })

  it('knows the lines before', () => {
    expect(offered('wher', 'select *\nfrom users\n')).toEqual(['where'])
    expect(offered('na', 'select *\nfrom users where\n')).toEqual(['name'])
    expect(offered('.ti', 'select 1\n')).not.toContain('.timing ')
  })

  it('offers no name that would move the cursor', () => {
    const hostile = [{ name: '"us\u001b[2J"', columns: [{ name: '"id\n"', type: 'INTEGER' }] }, { name: 'users', columns: [{ name: '"$(id)"', type: 'INTEGER' }, { name: '"a\u202eb"', type: 'INTEGER' }] }]
    expect([complete('from us', { statement: '', tables: hostile })[0], complete('from users where users.', { statement: '', tables: hostile })[0]]).toEqual([['users'], ['"$(id)"']])
  })

  it('tells which part of the line it completes', () => {
    expect(complete('select * from users u where u.na', { statement: '', tables })).toEqual([['name'], 'na'])
  })
})
