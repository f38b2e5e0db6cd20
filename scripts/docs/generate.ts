// node scripts/docs/generate.ts: writes the pages that derive from the code.
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pages } from './pages.ts'

for (const [path, render] of Object.entries(pages)) {
  await writeFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), render())
  process.stdout.write(`${path}\n`)
}
