#!/usr/bin/env node
// Plain old syntax up to the version check, so that an old Node prints one clear line instead of a stack trace.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write('rdb needs Node 22.12 or newer; this is Node ' + process.versions.node + '. In a checkout, npx rdb uses the Node 24 that npm ci installed.\n')
  process.exit(2)
}
import('node:module').then((module) => {
  if (module.enableCompileCache !== undefined) module.enableCompileCache()
  return import('../dist/cli/main.js')
}).then((cli) => cli.main(process.argv))
