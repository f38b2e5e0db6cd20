/** docs/api is what the docstrings of the built package give: `npm run docs:api` writes it anew. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { apiPages } from '../../scripts/docs/api-pages.ts'
import * as library from '../../src/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let pages: ReadonlyMap<string, string>
beforeAll(async () => { pages = await apiPages() }, 60_000)

describe('docs/api', () => {
  it('is what the docstrings give', async () => {
    const onDisk = (await readdir(join(root, 'docs/api'))).map((name) => `docs/api/${name}`)
    expect(onDisk.toSorted()).toEqual([...pages.keys()].toSorted())
    for (const [path, text] of pages) expect(await readFile(join(root, path), 'utf8'), `${path}: npm run docs:api writes it anew`).toBe(text)
  })

  it('has every value that the package exports, and each of its links leads somewhere', () => {
    const index = pages.get('docs/api/README.md') ?? ''
    expect(Object.keys(library).filter((name) => !index.includes(`[\`${name}\`]`))).toEqual([])
    const links = [...index.matchAll(/\]\((\w+\.md)#(\w+)\)/g)].map(([, page = '', anchor = '']) => [page, anchor] as const)
    expect(links.length).toBeGreaterThan(70)
    const missing = links.filter(([page, anchor]) => !new RegExp(`^## ${anchor}(?:\\(\\))?$`, 'im').test(pages.get(`docs/api/${page}`) ?? ''))
    expect(missing).toEqual([])
  })

  it('knows nothing of the machine that wrote it', () => {
    const text = [...pages.values()].join('')
    expect(text.includes(root)).toBe(false)
    expect(text).not.toMatch(/file:\/\/|[0-9a-f]{40}|\d{4}-\d\d-\d\dT\d\d:/)
  })
})
