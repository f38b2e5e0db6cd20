import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('names the experiment that there is not', () => {
  const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../../../scripts/lab/main.ts', import.meta.url)), 'bogus'], { encoding: 'utf8' })
  expect([status, stderr.split('\n')[0]]).toEqual([2, 'error: there is no experiment bogus'])
})
