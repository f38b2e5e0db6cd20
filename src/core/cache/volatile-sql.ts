/** Reads whose answer is another each time, and which therefore nobody may be given from somebody else's run. */

/**
 * Chance, the clock, sequences, sessions and settings, the server's own state, samples, and files or hosts outside of the database, in the
 * dialects of DuckDB and PostgreSQL. Names may stand anywhere in the text, in a literal, too: a wrong yes costs a run, a wrong no an answer.
 * What a view or a function hides is not seen.
 */
const names = [
  'random', 'setseed', 'uuid\\w*', 'gen_random_\\w+', 'shuffle', 'list_shuffle', 'random_normal',
  'now', 'today', 'current_\\w+', 'localtime\\w*', 'get_current_\\w+', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'timeofday', 'age(?=\\s*\\()',
  'nextval', 'currval', 'lastval', 'last_value(?!\\s*\\()', 'setval', 'txid_\\w+', 'pg_\\w+', 'duckdb_\\w+', 'information_schema', 'pragma\\w*', 'show', 'describe', 'explain',
  'session_user', 'user', 'getvariable', 'getenv', 'inet_\\w+', 'version(?=\\s*\\()', 'tablesample', 'using\\s+sample',
  'dblink\\w*', '(?:read|scan|parquet|glob|sniff|iceberg|delta|sqlite|postgres|mysql)_\\w+', 'glob(?=\\s*\\()', 'for\\s+(?:no\\s+key\\s+)?update', 'for\\s+(?:key\\s+)?share',
]
const volatile = new RegExp(`(?<![\\w$])(?:${names.join('|')})(?![\\w$])`, 'i')

export function mayBeVolatile(sql: string): boolean {
  return volatile.test(sql)
}
