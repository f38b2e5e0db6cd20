import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../../src/errors.ts'

const sourceFolder = fileURLToPath(new URL('../../src', import.meta.url))

const starter = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))

/** File by code, over all of src but the table itself, and over the starter, which runs before src can. */
async function codesInSource(): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const file of await readdir(sourceFolder, { recursive: true })) {
    if (!file.endsWith('.ts') || file === 'errors.ts') continue
    for (const [, code] of (await readFile(join(sourceFolder, file), 'utf8')).matchAll(/'(ERR_[A-Z0-9_]+)'/g)) found.set(code ?? '', file)
  }
  for (const [code] of (await readFile(starter, 'utf8')).matchAll(/\bERR_NODE_[A-Z_]+/g)) found.set(code, starter)
  return found
}

describe('error codes', () => {
  it('every code written in src is in the table', async () => {
    const unknown = [...await codesInSource()].filter(([code]) => !Object.hasOwn(ERRORS, code))
    expect(unknown).toEqual([])
  })

  it('every code of the table is written somewhere in src', async () => {
    const used = await codesInSource()
    expect(Object.keys(ERRORS).filter((code) => !used.has(code))).toEqual([])
  })
})
