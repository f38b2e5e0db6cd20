import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asOneLine, HISTORY_ENTRIES_MAX, HISTORY_ENTRY_CHARACTERS_MAX, historyPath, ShellHistory } from '../../../../src/cli/shell/history.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-history-')) })
afterEach(() => rm(folder, { recursive: true }))

describe('the history of the shell', () => {
  it('comes back, the latest first, in a file of the user’s own', async () => {
    const path = join(folder, 'state', 'shell-history')
    const { history, entries } = await ShellHistory.open(path)
    expect(entries).toEqual([])
    for (const entry of ['select 1;', 'select 2;', 'select 2;', ' select secret;', 'two\nlines', 'x'.repeat(HISTORY_ENTRY_CHARACTERS_MAX + 1), 'select 1;']) await history.add(entry)
    expect((await ShellHistory.open(path)).entries).toEqual(['select 1;', 'select 2;', 'select 1;'])
    expect([(await stat(path)).mode & 0o777, (await stat(join(folder, 'state'))).mode & 0o777]).toEqual([0o600, 0o700])
  })

  it('does not repeat its last entry in the next shell either', async () => {
    const path = join(folder, 'h')
    await (await ShellHistory.open(path)).history.add('select 1;')
    await (await ShellHistory.open(path)).history.add('select 1;')
    expect(await readFile(path, 'utf8')).toBe('select 1;\n')
  })

  it('is bounded, and closed to others again', async () => {
    const path = join(folder, 'h')
    await writeFile(path, Array.from({ length: 2 * HISTORY_ENTRIES_MAX + 1 }, (_, index) => `select ${index};\n`).join(''))
    await chmod(path, 0o644)
    const { entries } = await ShellHistory.open(path)
    expect([entries.length, entries[0], entries.at(-1)]).toEqual([HISTORY_ENTRIES_MAX, `select ${2 * HISTORY_ENTRIES_MAX};`, `select ${HISTORY_ENTRIES_MAX + 1};`])
    expect([(await stat(path)).mode & 0o777, (await readFile(path, 'utf8')).split('\n').length]).toEqual([0o600, HISTORY_ENTRIES_MAX + 1])
  })

  it('is where programs of the user keep their state', () => {
    expect(historyPath({ XDG_STATE_HOME: '/s', HOME: '/h' })).toBe('/s/reedbase-mesh/shell-history')
    expect(historyPath({ XDG_STATE_HOME: 'relative', HOME: '/h' })).toBe('/h/.local/state/reedbase-mesh/shell-history')
  })

  it.each([['select 1;', 'select 1;'], ['select a,\n   b\n\nfrom t;', 'select a, b from t;'], ['select 1 -- one\n, 2;', null], ["select 'a\nb';", null]])('%j on one line is %j', (sql, line) => {
    expect(asOneLine(sql)).toBe(line)
  })
})
