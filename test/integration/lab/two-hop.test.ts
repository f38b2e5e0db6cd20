/**
 * A query around a broken path, with real processes on hosts of their own: the entry node and the copy cannot reach each other any more, a third
 * node reaches both. Needs root and network namespaces, and says so where it is skipped.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressOf } from '../../../scripts/lab/addresses.ts'
import { LabNetwork } from '../../../scripts/lab/network.ts'
import { checkMachine, runCommand } from '../../../scripts/lab/ownership.ts'
import type { MemberView, NodeStatusView } from '../../../src/wire/control.ts'
import { callControlOnce } from '../../../src/client/control.ts'
import { runRdb, until } from '../../support/processes.ts'

function whyNot(): string | null {
  try {
    checkMachine([])
    return null
  } catch (error) {
    return (error as Error).message
  }
}

const rdbPath = fileURLToPath(new URL('../../../bin/rdb.js', import.meta.url))
const obstacle = whyNot()
if (obstacle !== null) process.stderr.write(`!!! the test of two-hop routes is SKIPPED: ${obstacle}\n`)

const [entry, relay, copy] = [0, 1, 2]

describe.skipIf(obstacle !== null)('a query whose direct path is broken', () => {
  let network: LabNetwork
  let folder: string
  const nodes: ChildProcess[] = []
  const dataDir = (host: number): string => join(folder, `host${host}`)
  const rdb = (host: number, ...args: string[]) => runRdb([...args, '--data-dir', dataDir(host)])
  // Over the node's socket, without a process for each question: what is waited for is asked again and again.
  const ask = async <T>(host: number, method: 'members' | 'status'): Promise<T> => await callControlOnce({ dataDir: dataDir(host) }, { method }) as T

  beforeAll(async () => {
    network = new LabNetwork(3)
    folder = mkdtempSync(join(tmpdir(), 'reedbase-two-hop-'))
    await runRdb(['keys:generate', '--data-dir', dataDir(entry)])
    const database = join(folder, 'numbers')
    mkdirSync(database)
    writeFileSync(join(database, 'primes.csv'), 'n,prime\n1,2\n2,3\n')
    for (const host of [entry, relay, copy]) {
      if (host !== entry) {
        mkdirSync(dataDir(host), { mode: 0o700 })
        runCommand(['cp', '-p', join(dataDir(entry), 'keyring'), dataDir(host)])
      }
      const [program = '', ...args] = network.on(host, [process.execPath, rdbPath, 'start', '--data-dir', dataDir(host), '--name', `host${host}`, '--listen', `${addressOf(host)}:7400`,
        '--load-interval', '1s', '--ping-interval', '2s', '--ping-timeout', '1s',
        ...(host === copy ? ['--db', `numbers=${database}`] : []), ...(host === entry ? [] : ['--seed', `${addressOf(entry)}:7400`])])
      nodes.push(spawn(program, args, { stdio: 'ignore' }))
      await until(`host${host} to start`, () => ask(host, 'status').then(() => true, () => false))
    }
    for (const host of [entry, relay, copy]) {
      await until(`host${host} to have measured both`, async () => (await ask<MemberView[]>(host, 'members')).filter(({ state, local, latency }) => state === 'alive' && (local || latency !== null)).length === 3)
    }
  })
  afterAll(async () => {
    for (const node of nodes) {
      const ended = once(node, 'exit')
      node.kill('SIGKILL')
      await ended
    }
    network.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it('goes by way of the third node, and says so', async () => {
    const direct = await rdb(entry, 'db:query', 'numbers', 'SELECT sum(prime) AS total FROM primes', '--explain')
    expect([direct.code, direct.stdout + direct.stderr]).toEqual([0, expect.not.stringContaining('two-hop')])
    runCommand(network.on(entry, ['ip', 'route', 'add', 'blackhole', `${addressOf(copy)}/32`]))
    const around = await until('a query to get through', async () => {
      const result = await rdb(entry, 'db:query', 'numbers', 'SELECT sum(prime) AS total FROM primes', '--explain', '--timeout', '3s')
      return result.code === 0 && (result.stdout + result.stderr).includes('two-hop') ? result : null
    }, 60_000)
    expect(around.stdout).toMatch(/\b5\b/)
    expect(around.stdout + around.stderr).toContain('by way of host1, a two-hop route')
    const relayed = (await ask<NodeStatusView>(relay, 'status')).counters
    expect(relayed['queriesRelayed']).toBeGreaterThan(0)
    expect((await ask<MemberView[]>(entry, 'members')).find(({ name }) => name === 'host2')?.state).not.toBe('failed')
  }, 120_000)
})
