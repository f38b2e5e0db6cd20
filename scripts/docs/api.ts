// npm run docs:api: writes the API reference in docs/api out of the docstrings.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apiPages } from './api-pages.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = await apiPages()
await rm(join(root, 'docs/api'), { recursive: true, force: true })
await mkdir(join(root, 'docs/api'), { recursive: true })
for (const [path, text] of pages) {
  await writeFile(join(root, path), text)
  process.stdout.write(`${path}\n`)
}
