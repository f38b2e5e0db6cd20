// Generates src/wire/generated/*.ts from src/wire/*.proto. Run after changing a .proto; the result is committed.
// `npm run codecs -- membership` does one of them.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const asked = process.argv.slice(2)
const names = readdirSync('src/wire')
  .filter((file) => file.endsWith('.proto'))
  .map((file) => file.slice(0, -'.proto'.length))
  .filter((name) => asked.length === 0 || asked.includes(name))
const unknown = asked.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no such file: ${unknown.map((name) => `src/wire/${name}.proto`).join(', ')}`)
  process.exit(2)
}

for (const name of names) {
  execFileSync('protons', [`src/wire/${name}.proto`, '-o', 'src/wire/generated'], { stdio: 'inherit' })
  const path = `src/wire/generated/${name}.ts`
  writeFileSync(path, adapt(readFileSync(path, 'utf8')))
}

/** What protons writes does not compile as it is with this project's strictness, and imports what is no dependency of it. */
function adapt(code) {
  return code
    // exactOptionalPropertyTypes: `{ limits: undefined }` is not `{}` to the compiler; to the codec it is.
    .replace(/\{\s*limits: opts\.limits\?\.[\w$]+\s*\}/g, (match) => `${match} as object`)
    .replace("import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'\n", '')
    .replace(/uint8ArrayAlloc\(0\)/g, 'new Uint8Array(0)')
}
