import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressOf } from '../../../scripts/lab/addresses.ts'
import { LabNetwork } from '../../../scripts/lab/network.ts'
import { checkMachine, labFolder, ownPrefix, removeLeftovers, runCommand } from '../../../scripts/lab/ownership.ts'

function whyNot(): string | null {
  try {
    checkMachine([])
    return null
  } catch (error) {
    return (error as Error).message
  }
}

const sent = 2000
const obstacle = whyNot()
if (obstacle !== null) process.stderr.write(`!!! tests of the lab's network are SKIPPED: ${obstacle}\n`)

describe.skipIf(obstacle !== null)('the lab network', () => {
  let network: LabNetwork

  beforeAll(() => { network = new LabNetwork(3) })
  afterAll(() => { network.remove() })

  /** Datagrams that the host's kernel has been handed, whether or not somebody listens. */
  const arrivedAt = (host: number): number => {
    const [names = [], values = []] = runCommand(network.on(host, ['cat', '/proc/net/snmp'])).split('\n').filter((line) => line.startsWith('Udp: ')).map((line) => line.split(' '))
    return Number(values[names.indexOf('InDatagrams')]) + Number(values[names.indexOf('NoPorts')])
  }
  const shareArriving = (from: number, to: number): number => {
    const before = arrivedAt(to)
    const script = `const s = require('dgram').createSocket('udp4'); let n = 0; const next = () => n++ < ${sent} ? s.send('x', 9000, '${addressOf(to)}', next) : s.close(); next()`
    const [program = '', ...args] = network.on(from, [process.execPath, '-e', script])
    execFileSync(program, args)
    return (arrivedAt(to) - before) / sent
  }

  it('delivers all, and counts it', () => {
    const before = network.bytes()
    expect(shareArriving(0, 1)).toBe(1)
    const after = network.bytes()
    // 20 bytes of IP, 8 of UDP and 1 of content.
    expect((after[0]?.sentDatagramBytes ?? 0) - (before[0]?.sentDatagramBytes ?? 0)).toBe(29 * sent)
    expect((after[1]?.receivedDatagramBytes ?? 0) - (before[1]?.receivedDatagramBytes ?? 0)).toBe(29 * sent)
    expect(after[2]?.receivedDatagramBytes).toBe(before[2]?.receivedDatagramBytes)
  })

  it.each([10, 30])('loses %i of 100', (percent) => {
    network.setLoss(percent)
    const lost = 1 - shareArriving(0, 1)
    network.setLoss(0)
    // Six standard deviations of so many draws on either side.
    const margin = 6 * Math.sqrt(percent / 100 * (1 - percent / 100) / sent)
    expect(lost).toBeGreaterThan(percent / 100 - margin)
    expect(lost).toBeLessThan(percent / 100 + margin)
    expect(shareArriving(0, 1)).toBe(1)
  })

  it('a cut host is out of reach both ways, the others are not', () => {
    network.cut([1])
    expect([shareArriving(0, 1), shareArriving(1, 0), shareArriving(0, 2)]).toEqual([0, 0, 1])
    network.cut([])
    expect(shareArriving(0, 1)).toBe(1)
  })

  it('two sides of a partition reach their own', () => {
    network.partition([0])
    expect([shareArriving(0, 1), shareArriving(2, 0), shareArriving(1, 2)]).toEqual([0, 0, 1])
    network.cut([])
    expect(shareArriving(0, 1)).toBe(1)
  })

  it('what a process that is gone has left is removed, what one that runs has made is not', () => {
    // The pid of this process with another start time: of whoever had it before.
    const left = `rdblab${process.pid}x1-h0`
    runCommand(['ip', 'netns', 'add', left])
    mkdirSync(join(labFolder, left), { recursive: true })
    expect(removeLeftovers().filter((name) => name === left)).toHaveLength(2)
    const spaces = runCommand(['ip', 'netns', 'list'])
    expect(spaces).not.toContain(left)
    expect(spaces).toContain(`${ownPrefix}h2`)
  })
})

describe.skipIf(obstacle !== null)('a limited path', () => {
  it('has the bandwidth that it is told, and leaves nothing behind', () => {
    const network = new LabNetwork(3, { rate: '1mbit', delayMs: null })
    try {
      expect(runCommand(network.on(0, ['tc', 'qdisc', 'show', 'dev', 'eth0']))).toContain('tbf')
    } finally {
      network.remove()
    }
    expect(runCommand(['ip', 'netns', 'list'])).not.toContain(ownPrefix)
  })
})

describe.skipIf(obstacle !== null)('a delayed path', () => {
  const delayMs = 40
  let network: LabNetwork

  beforeAll(async () => {
    network = new LabNetwork(3, { rate: null, delayMs })
    await network.ready()
  })
  afterAll(() => { network.remove() })

  /** Round trips through an echo on `to`, in milliseconds; none when nothing comes back within `withinMs`. */
  const roundTrips = async (from: number, to: number, withinMs = 5000): Promise<number[]> => {
    const run = (host: number, script: string) => {
      const [program = '', ...args] = network.on(host, [process.execPath, '-e', script])
      return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    }
    const echo = run(to, "const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address)); s.bind(9000, () => console.log('ready'))")
    await once(echo.stdout, 'data')
    const asker = run(from, `const s = require('dgram').createSocket('udp4'); const big = Buffer.alloc(1400); let at; const took = []
      const ask = () => { at = performance.now(); s.send(big, 9000, '${addressOf(to)}') }
      const end = () => { console.log(JSON.stringify(took)); process.exit() }
      s.on('message', () => { took.push(performance.now() - at); took.length < 5 ? ask() : end() }); setTimeout(end, ${withinMs}); ask()`)
    let text = ''
    asker.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
    await once(asker, 'close')
    echo.kill('SIGKILL')
    return JSON.parse(text) as number[]
  }

  it('takes at least as long as it is told, each way', async () => {
    const tookMs = await roundTrips(0, 2)
    expect(tookMs).toHaveLength(5)
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(2 * delayMs)
  })

  it('can be cut, and parted', async () => {
    network.cut([1])
    expect(await roundTrips(0, 1, 300)).toEqual([])
    network.partition([0])
    expect(await roundTrips(0, 2, 300)).toEqual([])
    expect(await roundTrips(1, 2)).toHaveLength(5)
    network.cut([])
    expect(await roundTrips(0, 2)).toHaveLength(5)
  })
})
