/** Links between the pages lead somewhere, and the tree in docs/ARCHITECTURE.md is the one on disk. */
import { readdir, readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const markdownIn = async (folder: string): Promise<string[]> => (await readdir(join(root, folder))).filter((name) => name.endsWith('.md')).map((name) => `${folder}/${name}`)
const folders = ['docs', 'docs/guides', 'docs/deploy', 'docs/api']
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...(await Promise.all(folders.map(markdownIn))).flat()]
const read = (page: string): Promise<string> => readFile(join(root, page), 'utf8')

/** As GitHub names the anchor of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')

describe('links', () => {
  it.each(pages)('of %s', async (page) => {
    const broken: string[] = []
    for (const [, target = ''] of (await read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page : join(dirname(page), file)
      if (!existsSync(join(root, path))) broken.push(target)
      else if (anchor !== undefined) {
        const anchors = [...(await read(path)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? ''))
        if (!anchors.includes(anchor)) broken.push(target)
      }
    }
    expect(broken).toEqual([])
  })
})

describe('docs/ARCHITECTURE.md', () => {
  it('shows every folder of src, and no other', async () => {
    const [, tree = ''] = /```\nsrc\/\n(.*?)^test\//ms.exec(await read('docs/ARCHITECTURE.md')) ?? []
    const shown: string[] = []
    let parent = ''
    for (const [, indent = '', name = ''] of tree.matchAll(/^( +)([\w-]+)\/ /gm)) {
      if (indent.length === 2) parent = name
      shown.push(indent.length === 2 ? name : `${parent}/${name}`)
    }
    const entries = await readdir(join(root, 'src'), { recursive: true, withFileTypes: true })
    const source = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.parentPath.slice(join(root, 'src').length + 1)).filter((path) => path !== ''))
    // Deeper ones are told of by their parent's line.
    const deepest = [...source].filter((path) => path.split('/').length <= 2)
    const onDisk = new Set([...deepest, ...deepest.map((path) => path.split('/')[0] ?? '')])
    expect(shown.toSorted()).toEqual([...onDisk].toSorted())
  })

  it('names only files that exist', async () => {
    const named = [...(await read('docs/ARCHITECTURE.md')).matchAll(/`((?:core|ports|wire|adapters|query|client|node|operations|cli|test)\/[\w/.-]+)`/g)].map(([, path]) => path ?? '')
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter((path) => !existsSync(join(root, 'src', path)) && !existsSync(join(root, path)))).toEqual([])
  })
})
