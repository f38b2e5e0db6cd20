import { describe, expect, it } from 'vitest'
import { readHostMemory } from '../../../../src/adapters/system/host-memory.ts'
import { fixtureFolder } from './fixture-folder.ts'

const lines = ['MemTotal:       16384 kB', 'MemFree:          100 kB', 'MemAvailable:    4096 kB', 'SwapTotal:      99999 kB']

describe('/proc/meminfo', () => {
  it('tells what there is, and what can be had, the cache that the kernel would give up included', async () => {
    expect(await readHostMemory({ procRoot: fixtureFolder({ meminfo: lines.join('\n') }) })).toEqual({ totalBytes: 16_384 * 1_024, availableBytes: 4_096 * 1_024 })
  })

  it.each(['MemTotal', 'MemAvailable'])('is reported when it makes no sense, without %s', async (missing) => {
    const meminfo = lines.filter((line) => !line.startsWith(missing)).join('\n')
    await expect(readHostMemory({ procRoot: fixtureFolder({ meminfo }) })).rejects.toThrow('could not be read')
  })

  it('is not needed: other systems tell, too', async () => {
    const { totalBytes, availableBytes } = await readHostMemory({ procRoot: fixtureFolder({ nothing: '' }) })
    expect(totalBytes).toBeGreaterThan(0)
    expect(availableBytes).toBeLessThanOrEqual(totalBytes)
  })
})
