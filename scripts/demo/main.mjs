// npm run demo: a mesh of three node processes, an overload, a crash, and where one query goes meanwhile. Every step is verified.
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { copyFlights, rdb, startNode, watchEvents } from './mesh.mjs'

const { values: flags } = parseArgs({ options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } })
if (flags.help) {
  console.log('npm run demo [-- --keep]\n\n  --keep  leave the mesh running at the end, and say how to talk to it')
  process.exit(0)
}

const sql = `SELECT a.city, count(*) AS flights, round(avg(f.delay), 1) AS mean_delay_minutes
FROM flights f JOIN airports a ON a.iata = f.origin
GROUP BY a.city ORDER BY flights DESC LIMIT 5`
const names = ['local1', 'remote1', 'remote2']
const demoTimeoutMs = 58_000
const startedMs = performance.now()
const events = []
const nodes = []
let watcher = null
let folder = null

const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)
const say = (text) => console.log(`${styleText('dim', `${seconds()} s`)}  ${text}`)
const title = (text) => console.log(`\n${styleText('bold', text)}`)
const indent = (text) => { if (text.trim() !== '') console.log(text.trimEnd().replace(/^/gm, '         ')) }

/** Ends the demo with what was expected and what came. */
class StepFailed extends Error {}
function verify(condition, expected, found) {
  if (!condition) throw new StepFailed(`expected ${expected}; found: ${found}`)
  say(styleText('green', `✓ ${expected}`))
}

async function until(what, condition, timeoutMs = 20_000) {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > deadlineMs) throw new StepFailed(`waited ${timeoutMs / 1000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function dataDirOf(name) {
  return join(folder, name, '.reedbase')
}

/** Runs a command as a user would, and shows command, answer and messages. */
async function show(args, shown = args) {
  say(styleText('cyan', `$ rdb ${shown.map((arg) => (/[\s"']/.test(arg) ? `"${arg.replaceAll('\n', ' ')}"` : arg)).join(' ')}`))
  const result = await rdb([...args, '--data-dir', dataDirOf('local1')])
  indent(result.stdout)
  indent(result.stderr)
  return result
}

async function query() {
  const result = await show(['db:query', 'flights', sql, '--format', 'table', '--verbose'])
  if (result.code !== 0) throw new StepFailed(`the query ended with exit code ${result.code}`)
  return { ...result, decision: /Routing Decision: (.*)/.exec(result.stderr)?.[1] ?? 'none' }
}

async function nodeTable() {
  return await show(['db:nodes', 'flights'])
}

async function nodesOf(name) {
  const { stdout, code } = await rdb(['db:nodes', 'flights', '--json', '--data-dir', dataDirOf(name)])
  return code === 0 ? JSON.parse(stdout).nodes : []
}

async function drill(name, ...args) {
  const { code, stderr } = await rdb(['drill', ...args, '--data-dir', dataDirOf(name)])
  if (code !== 0) throw new StepFailed(`rdb drill ${args.join(' ')} on ${name} failed: ${stderr}`)
}

/** All three nodes share this machine and so its load: a drill on each gives them loads of their own, whatever else runs here. */
async function pinLoads() {
  for (const name of names) await drill(name, '--cpu', '20', '--memory', '20', '--for', '5m')
  await until('local1 to hear the loads', async () => (await nodesOf('local1')).every((node) => node.drill))
}

/** Back to what is real. If this machine is busy, all nodes are overloaded, and then a query runs here too, with a warning. */
async function unpinLoads(survivor) {
  await drill(survivor, '--end')
  await until('the nodes of this machine to agree on its load', async () => {
    const alive = (await nodesOf('local1')).filter(({ state }) => state === 'alive')
    return alive.every((node) => !node.drill && node.overloaded === alive[0].overloaded)
  })
}

function showEvent(event) {
  events.push(event)
  const took = event.sinceProbeMs === null ? '' : styleText('dim', ` (${Math.round(event.sinceProbeMs)} ms after the probe)`)
  say(`${styleText('magenta', event.type)} ${event.record.name}: ${event.reason}${took}`)
}

async function startMesh() {
  const [first, ...others] = names
  const start = async (name, seeds) => {
    const node = await startNode({
      name, dataDir: dataDirOf(name), logPath: join(folder, name, 'log.jsonl'), detached: flags.keep,
      args: ['--listen', '127.0.0.1:0', '--db', `flights=${join(folder, name, 'flights')}`, ...seeds.flatMap((seed) => ['--seed', seed])],
    })
    nodes.push(node)
    const file = join(dataDirOf(name), 'node.json')
    return await until(`${name} to start`, async () => {
      if (node.child.exitCode !== null) throw new StepFailed(`${name} ended at once: ${await readFile(join(folder, name, 'log.jsonl'), 'utf8')}`)
      return await readFile(file, 'utf8').then(JSON.parse, () => null)
    })
  }
  for (const name of names) await copyFlights(join(folder, name, 'flights'))
  const keys = await rdb(['keys:generate', '--data-dir', dataDirOf(first)])
  if (keys.code !== 0) throw new StepFailed(`keys:generate failed: ${keys.stderr}`)
  for (const name of others) {
    await mkdir(dataDirOf(name), { recursive: true, mode: 0o700 })
    await copyFile(join(dataDirOf(first), 'keyring'), join(dataDirOf(name), 'keyring'))
  }
  const { tcpMultiaddrs, udp } = await start(first, [])
  say(`${first} listens on ${tcpMultiaddrs[0]} and udp ${udp}`)
  watcher = watchEvents(dataDirOf(first), showEvent)
  await Promise.all(others.map((name) => start(name, [tcpMultiaddrs[0]])))
  await until('all three to see each other', async () => {
    const views = await Promise.all(names.map(nodesOf))
    return views.every((view) => view.length === 3 && view.every((node) => node.state === 'alive' && (node.type === 'local' || node.latencyMs !== null)))
  })
}

async function run() {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-demo-'))
  title('1. Three nodes start beside three copies of the database, and find each other')
  await startMesh()
  const joined = new Set(events.filter(({ type }) => type === 'member-joined').map(({ record }) => record.name))
  verify(names.every((name) => joined.has(name)), 'a member-joined event for each node', [...joined].join(', '))

  title('2. The node table')
  verify((await nodeTable()).code === 0, 'three nodes serve flights', 'an error')

  await pinLoads()
  say('a drill pins the load that each node reports at 20 %, so that what else runs on this machine decides nothing')
  title('3. A query of 3,000,000 rows runs on the node next door')
  const first = await query()
  verify(first.decision.startsWith('Local'), 'the query runs locally', first.decision)

  title('4. An overload drill on local1: it reports 95 % CPU')
  verify((await show(['drill', '--cpu', '95', '--for', '60s'])).code === 0, 'the drill is on', 'an error')
  const forwarded = await query()
  const answering = /Forwarded to (\S+)/.exec(forwarded.decision)?.[1]
  verify(answering !== undefined && answering !== 'local1', `the same query is forwarded, to ${answering}`, forwarded.decision)
  verify(forwarded.stdout === first.stdout, 'with the same rows', forwarded.stdout)

  title(`5. kill -9 of ${answering}, which answered`)
  const victim = nodes.find(({ name }) => name === answering)
  victim.child.kill('SIGKILL')
  const killedMs = performance.now()
  say(`${answering} (pid ${victim.pid}) is killed`)
  const failure = await until('the failure event', () => events.find(({ type, record }) => type === 'member-failed' && record.name === answering))
  verify(failure !== undefined, `local1 declares ${answering} failed, ${((performance.now() - killedMs) / 1000).toFixed(2)} s after the kill`, 'nothing')

  title('6. The query goes to the next peer')
  const next = await query()
  const nextAnswering = /Forwarded to (\S+)/.exec(next.decision)?.[1]
  verify(nextAnswering !== undefined && nextAnswering !== answering && nextAnswering !== 'local1', `${nextAnswering} answers`, next.decision)
  verify(next.stdout === first.stdout, 'with the same rows', next.stdout)

  title('7. The drill ends')
  verify((await show(['drill', '--end'])).code === 0, 'the drill is over', 'an error')
  await unpinLoads(nextAnswering)
  const last = await query()
  verify(last.decision.startsWith('Local'), 'the query runs locally again', last.decision)

  title('8. The node table at the end')
  await nodeTable()
  const final = await nodesOf('local1')
  verify(final.find(({ name }) => name === answering)?.state === 'failed', `${answering} is failed, the others are alive`, JSON.stringify(final.map(({ name, state }) => [name, state])))
}

async function stop() {
  watcher?.stop()
  if (folder === null) return
  for (const node of nodes) if (node.child.exitCode === null && node.child.signalCode === null) node.child.kill('SIGTERM')
  const stopped = Promise.all(nodes.map(({ exited }) => exited))
  const timer = setTimeout(() => { for (const node of nodes) node.child.kill('SIGKILL') }, 8_000)
  await stopped
  clearTimeout(timer)
  await rm(folder, { recursive: true, force: true })
}

function sayHowToTalk() {
  watcher?.stop()
  for (const node of nodes) node.child.unref()
  const alive = nodes.filter((node) => node.child.exitCode === null && node.child.signalCode === null)
  title('The mesh keeps running')
  console.log(`
  npx rdb members --data-dir ${dataDirOf('local1')}
  npx rdb db:nodes flights --data-dir ${dataDirOf('local1')}
  npx rdb db:query flights "SELECT count(*) FROM flights" --data-dir ${dataDirOf('local1')}

To end it:  kill ${alive.map(({ pid }) => pid).join(' ')} && rm -r ${folder}
`)
}

async function abandon(signalName) {
  await stop()
  console.error(`\nThe demo was ended by ${signalName}.`)
  process.exit(130)
}
process.once('SIGINT', () => void abandon('SIGINT'))
process.once('SIGTERM', () => void abandon('SIGTERM'))

const watchdog = setTimeout(() => {
  console.error(styleText('red', `✗ the demo took more than ${demoTimeoutMs / 1000} s`))
  void stop().finally(() => process.exit(1))
}, demoTimeoutMs)

try {
  await run()
  if (flags.keep) sayHowToTalk()
  else {
    title('The two nodes that are left leave the mesh')
    await stop()
    const unclean = (await Promise.all(nodes.map(async ({ name, exited }) => ({ name, ...(await exited) })))).filter(({ code, signal }) => code !== 0 && signal !== 'SIGKILL')
    verify(unclean.length === 0, 'both ended with exit code 0', JSON.stringify(unclean))
  }
  clearTimeout(watchdog)
  console.log(`\n${styleText('green', `All steps verified in ${seconds().trim()} s.`)}`)
  process.exit(0)
} catch (error) {
  clearTimeout(watchdog)
  console.error(`\n${styleText('red', `✗ ${error instanceof StepFailed ? error.message : error.stack}`)}`)
  for (const { name } of nodes) indent(styleText('dim', `${name}: ${(await readFile(join(folder, name, 'log.jsonl'), 'utf8').catch(() => '')).split('\n').slice(-6).join('\n')}`))
  await stop()
  process.exit(1)
}
