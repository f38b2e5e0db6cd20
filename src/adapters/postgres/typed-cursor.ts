/** The client's cursor, telling the server the types of parameters; by itself it lets all of them be inferred from where they stand. */
import type pg from 'pg'
import Cursor from 'pg-cursor'
import { asText } from './mesh-client.ts'

/** What the types of the client leave out: its Parse message takes OIDs. */
interface ParsingConnection {
  parse: (query: { readonly text: string; readonly types?: readonly number[] }, more: boolean) => void
}

/** `types`: an OID for each parameter, 0 to infer it. */
export function typedCursor<Row>(sql: string, values: unknown[], types: readonly number[]): Cursor<Row> {
  const cursor = new Cursor<Row>(sql, values, { rowMode: 'array', types: asText })
  if (!types.some((oid) => oid !== 0)) return cursor
  const submit = cursor.submit.bind(cursor)
  cursor.submit = (connection: pg.Connection) => {
    const parsing = connection as unknown as ParsingConnection
    const parse = parsing.parse.bind(connection)
    // The cursor sends Parse within submit, and nobody else can in between.
    parsing.parse = (query, more) => { parse({ ...query, types }, more) }
    try {
      submit(connection)
    } finally {
      // What the class has is found again.
      Reflect.deleteProperty(parsing, 'parse')
    }
  }
  return cursor
}
