import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSystemLoadProbe } from '../../../src/adapters/system/load-probe.ts'

describe('the load of this system', () => {
  it('is read, in range', async () => {
    const probe = createSystemLoadProbe()
    onTestFinished(() => { probe.close() })
    const reading = await probe.read()
    expect(reading.cpuPercent).toBeGreaterThanOrEqual(0)
    expect(reading.cpuPercent).toBeLessThanOrEqual(100)
    expect(reading.memoryPercent).toBeGreaterThan(0)
    expect(reading.memoryPercent).toBeLessThanOrEqual(100)
    expect(reading.memoryBytes).toBeGreaterThan(process.memoryUsage().rss / 4)
    expect(reading.processCpuPercent).toBeGreaterThanOrEqual(0)
    expect(reading.eventLoopDelayMs).toBeGreaterThanOrEqual(0)
  })

  it('shows a process that works', async () => {
    const probe = createSystemLoadProbe()
    onTestFinished(() => { probe.close() })
    await probe.read()
    const before = process.cpuUsage()
    const used = (): number => process.cpuUsage(before).user + process.cpuUsage(before).system
    while (used() < 150_000) void Math.sqrt(used())
    // At least as much as this process used, of however many cores there are.
    const reading = await probe.read()
    expect(reading.processCpuPercent).toBeGreaterThan(1)
    expect(reading.cpuPercent).toBeGreaterThan(0)
  })

  it('starts no process and keeps none alive', () => {
    // Every spawn of the child goes through its own child_process; the probe must not touch it, or each reading would stop the event loop.
    const program = `
      const children = require('node:child_process')
      let spawned = 0
      for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']) children[name] = () => { spawned++; throw new Error('spawned ' + name) }
      import(${JSON.stringify(new URL('../../../src/adapters/system/load-probe.ts', import.meta.url).href)}).then(async ({ createSystemLoadProbe }) => {
        const probe = createSystemLoadProbe()
        const { memoryPercent } = await probe.read()
        process.stdout.write(JSON.stringify({ spawned, hasMemory: memoryPercent > 0 }))
      })`
    const output = execFileSync(process.execPath, ['--input-type=commonjs', '-e', program], { cwd: fileURLToPath(new URL('../../../', import.meta.url)), encoding: 'utf8', timeout: 20_000 })
    expect(JSON.parse(output)).toEqual({ spawned: 0, hasMemory: true })
  })
})
