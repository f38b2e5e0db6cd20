// Generates src/wire/generated/*.ts from src/wire/*.proto. Run after changing a .proto; the result is committed.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

for (const file of readdirSync('src/wire').filter((name) => name.endsWith('.proto'))) {
  execFileSync('protons', [`src/wire/${file}`, '-o', 'src/wire/generated'], { stdio: 'inherit' })
}
