import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CsvTable, type TableFileSystem, tableFileSystem } from '../../../../src/adapters/files/csv-table.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'reedbase-csv-table-'))
  path = join(folder, 'deep', 'table.csv')
  await fs.mkdir(join(folder, 'deep'))
})

afterEach(() => fs.rm(folder, { recursive: true, force: true }))

const columns = ['a', 'b']
const open = (files?: TableFileSystem): CsvTable => new CsvTable(path, columns, files)
const content = (): Promise<string> => fs.readFile(path, 'utf8')

/** Takes so many bytes, and then is full. */
function fullAfter(bytesFree: number, code = 'ENOSPC'): TableFileSystem {
  let left = bytesFree
  return {
    ...tableFileSystem,
    open: async (...args: Parameters<typeof fs.open>) => {
      const file = await fs.open(...args)
      const write = file.write.bind(file) as (buffer: Buffer, offset: number, length: number) => Promise<{ bytesWritten: number }>
      return Object.assign(file, {
        write: async (buffer: Buffer, offset: number) => {
          const length = Math.min(left, buffer.length - offset)
          if (length === 0) throw Object.assign(new Error(`${code}: no space left on device`), { code })
          left -= length
          return await write(buffer, offset, length)
        },
      })
    },
  }
}

describe('a table in a CSV file', () => {
  it('begins with its header, in a folder that is made for it', async () => {
    await fs.rmdir(join(folder, 'deep'))
    expect(await open().append('1,2\n')).toEqual({ bytes: 8, healed: null })
    expect(await content()).toBe('a,b\n1,2\n')
  })

  it('goes on where it was, with one header', async () => {
    await open().append('1,2\n')
    const table = open()
    await table.append('3,4\n')
    await table.append('5,6\n')
    expect(await content()).toBe('a,b\n1,2\n3,4\n5,6\n')
  })

  it('comes back with its header when it was taken away', async () => {
    const table = open()
    await table.append('1,2\n')
    await fs.unlink(path)
    await table.append('3,4\n')
    expect(await content()).toBe('a,b\n3,4\n')
  })

  it.each([
    ['half a line', 'a,b\n1,2\n3', 1, '1,2\n'],
    ['half a character', Buffer.from([...Buffer.from('a,b\n1,2\n'), 0xe2, 0x82]), 2, '1,2\n'],
    ['zeros, as some file systems leave after a crash', `a,b\n1,2\n${'\0'.repeat(5_000)}`, 5_000, '1,2\n'],
    ['a line longer than a block', `a,b\n1,2\n${'x'.repeat(200_000)}`, 200_000, '1,2\n'],
    ['half a header', 'a,', 2, ''],
  ])('is healed of %s', async (_what, broken, bytesCut, rest) => {
    await fs.writeFile(path, broken)
    expect((await open().append('5,6\n')).healed).toEqual({ bytesCut, header: 'kept' })
    expect(await content()).toBe(`a,b\n${rest}5,6\n`)
  })

  it('is healed when its first row is asked for, and finds nothing to heal after that', async () => {
    await fs.writeFile(path, 'a,b\n"x, y",2\n3,')
    const table = open()
    expect(await table.firstRow()).toEqual({ row: ['x, y', '2'], bytes: 13, healed: { bytesCut: 2, header: 'kept' } })
    expect((await table.append('5,6\n')).healed).toBeNull()
    expect(await content()).toBe('a,b\n"x, y",2\n5,6\n')
  })

  it('has no first row where there is no file, or only a header', async () => {
    expect(await open().firstRow()).toEqual({ row: null, bytes: 0, healed: null })
    await fs.writeFile(path, 'a,b\n')
    expect(await open().firstRow()).toEqual({ row: null, bytes: 4, healed: null })
  })

  it('gets its header back', async () => {
    await fs.writeFile(path, '1,2\n3,4\n5')
    expect((await open().append('5,6\n')).healed).toEqual({ bytesCut: 1, header: 'added' })
    expect(await content()).toBe('a,b\n1,2\n3,4\n5,6\n')
    expect(await fs.readdir(join(folder, 'deep'))).toEqual(['table.csv'])
  })

  it.each([['other columns', 'x,y,z\n1,2,3\n'], ['no CSV', '"a\n1"2\n']])('puts aside a file with %s', async (_what, other) => {
    await fs.writeFile(path, other)
    expect((await open().append('5,6\n')).healed?.header).toBe('replaced')
    expect(await content()).toBe('a,b\n5,6\n')
    expect(await fs.readFile(`${path}.unknown`, 'utf8')).toBe(other)
  })

  it('takes all lines of an append or none, when the disk fills up in between', async () => {
    const table = open(fullAfter(10))
    await table.append('1,2\n')
    await expect(table.append('3,4\n5,6\n')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await content()).toBe('a,b\n1,2\n')
  })

  it('is healed by the next append where not even cutting off was possible', async () => {
    const files = fullAfter(10)
    const table = open({
      ...files,
      open: async (...args: Parameters<typeof fs.open>) => {
        const file = await files.open(...args)
        return args[1] === 'a+' && !isRoomy ? Object.assign(file, { truncate: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) }) : isRoomy ? await fs.open(...args) : file
      },
    })
    let isRoomy = false
    await table.append('1,2\n')
    await expect(table.append('3,4\n5,6\n')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await content()).toBe('a,b\n1,2\n3,')
    isRoomy = true
    expect((await table.append('7,8\n')).healed).toEqual({ bytesCut: 2, header: 'kept' })
    expect(await content()).toBe('a,b\n1,2\n7,8\n')
  })

  it('moves, where it is there', async () => {
    const table = open()
    expect(await table.moveTo(join(folder, 'elsewhere.csv'))).toBe(false)
    await table.append('1,2\n')
    expect(await table.moveTo(join(folder, 'elsewhere.csv'))).toBe(true)
    await table.append('3,4\n')
    expect([await fs.readFile(join(folder, 'elsewhere.csv'), 'utf8'), await content()]).toEqual(['a,b\n1,2\n', 'a,b\n3,4\n'])
  })
})
