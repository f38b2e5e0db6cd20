import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions } from '../../../src/cli/logger.ts'

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'reedbase-log-')) })
afterAll(() => { rmSync(folder, { recursive: true }) })

/** What is written by the time that the call returns, as it must be before a process ends at once. */
async function logged(options: Pick<LoggerOptions, 'format' | 'isTerminal'>): Promise<string> {
  const path = join(folder, `${options.format}-${options.isTerminal}`)
  const fd = openSync(path, 'w')
  try {
    const log = await createLogger({ level: 'info', color: false, fd, ...options })
    log.debug({}, 'not at this level')
    log.child({ part: 'seeds' }).warn({ seed: 'a:1', nextStep: 'Start it.' }, 'seed a:1 is not reachable')
    return readFileSync(path, 'utf8')
  } finally {
    closeSync(fd)
  }
}

describe('the log', () => {
  it.each([{ format: 'json', isTerminal: true }, { format: 'auto', isTerminal: false }] as const)('is JSON lines with %j', async (options) => {
    const text = await logged(options)
    expect(text.endsWith('}\n')).toBe(true)
    expect(JSON.parse(text)).toEqual({ level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/) as string, part: 'seeds', seed: 'a:1', nextStep: 'Start it.', msg: 'seed a:1 is not reachable' })
  })

  it.each([{ format: 'pretty', isTerminal: false }, { format: 'auto', isTerminal: true }] as const)('is sentences with %j', async (options) => {
    expect(await logged(options)).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: seed a:1 is not reachable Next: Start it\.\n$/)
  })

  it.each(['json', 'pretty'] as const)('never ends the node because it cannot be written (%s)', async (format) => {
    const fd = openSync('/dev/full', 'w')
    try {
      const log = await createLogger({ level: 'info', color: false, isTerminal: false, fd, format })
      // Beyond what is kept for later, so that dropping is seen to be quiet too.
      for (let line = 0; line < 20; line++) log.info({}, 'x'.repeat(100_000))
    } finally {
      closeSync(fd)
    }
  })
})
