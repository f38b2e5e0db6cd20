// Puts the dashboard's page into dist, as the browser loads it: its modules without types, everything else as it is.
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const from = fileURLToPath(new URL('../src/operations/dashboard/page/', import.meta.url))
const to = fileURLToPath(new URL('../dist/operations/dashboard/page/', import.meta.url))
/** `npm run types` checks them, as a program of their own: only they know a document. */
const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ES2022, verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true }

await mkdir(to, { recursive: true })
for (const name of await readdir(from)) {
  if (name === 'tsconfig.json') continue
  if (!name.endsWith('.ts')) await cp(join(from, name), join(to, name))
  else await writeFile(join(to, name.replace(/\.ts$/, '.js')), ts.transpileModule(await readFile(join(from, name), 'utf8'), { compilerOptions, fileName: name }).outputText)
}
