#!/usr/bin/env node
// Plain old syntax up to the version check, so that an old Node prints one clear line instead of a stack trace.
var version = process.versions.node.split('.').map(Number)
if (version[0] < 22 || (version[0] === 22 && version[1] < 12)) {
  process.stderr.write('error: rdb needs Node 22.12 or newer; this is Node ' + process.versions.node + ' (ERR_NODE_VERSION)\n' +
    'next: Start it with Node 22.12 or newer; in a checkout, npx rdb uses the Node 24 that npm ci installed.\n')
  process.exit(2)
}
// Engines compute on libuv's pool, four threads by default: three long queries would hold up every other one. Before its first use.
if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = '16'
import('node:module').then(function (module) {
  // Code compiled once is kept on disk between commands, which halves their start.
  module.enableCompileCache()
  return import('../dist/cli/main.js')
}).then(function (cli) {
  return cli.main(process.argv)
}).catch(function (error) {
  var isUnbuilt = error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).includes('dist/cli/main.js')
  process.stderr.write('error: ' + (isUnbuilt ? 'this checkout has not been built\nnext: npm run build\n' : error.stack + '\n'))
  process.exit(isUnbuilt ? 2 : 70)
})
