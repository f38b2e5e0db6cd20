import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { pages } from '../../scripts/docs/pages.ts'
import { ERRORS } from '../../src/errors.ts'
import { ROUTING_OPTION_TABLE } from '../../src/node/options-routing.ts'
import { OPTION_TABLE } from '../../src/node/options-table.ts'

const read = (path: string): Promise<string> => readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

/** What stands in the first column of the tables, in code marks. */
const firstColumn = (page: string): string[] => [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name ?? '')

describe('generated pages', () => {
  it.each(Object.keys(pages))('%s is what the code generates (node scripts/docs/generate.ts)', async (path) => {
    expect(await read(path)).toBe(pages[path]?.())
  })

  it('docs/ERRORS.md and the error table name the same codes', async () => {
    expect(firstColumn(await read('docs/ERRORS.md'))).toEqual(Object.keys(ERRORS))
  })

  it('docs/OPTIONS.md and the option tables name the same keys', async () => {
    expect(firstColumn(await read('docs/OPTIONS.md')).toSorted()).toEqual([...OPTION_TABLE, ...ROUTING_OPTION_TABLE].map(({ key }) => key).toSorted())
  })
})
