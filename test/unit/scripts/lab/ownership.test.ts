import { describe, expect, it } from 'vitest'
import { isLeftOver, labFolder, ownPrefix, removeFolder } from '../../../../scripts/lab/ownership.ts'

describe('what counts as left over', () => {
  it("a lab's name whose process is gone, or whose pid is another process's by now", () => {
    expect(isLeftOver(`rdblab${process.pid}x1-h0`)).toBe(true)
    expect(isLeftOver('rdblab99999999x1-0')).toBe(true)
  })

  it('not what a running process has made', () => {
    expect(isLeftOver(`${ownPrefix}h0`)).toBe(false)
  })

  it.each(['', 'rdblab', 'rdblab-1', 'rdblab1x2', 'rdblab1x2-', 'rdblab1x2-../h0', 'xrdblab1x2-h0', 'notes', '.'])('never anybody else\'s name: %j', (name) => {
    expect(isLeftOver(name)).toBe(false)
  })
})

it.each([labFolder, `${labFolder}/`, `${labFolder}/notes`, '/run', '/', '', 'rdblab1x2-0', `/elsewhere/${ownPrefix}0`, `${labFolder}/${ownPrefix}0/..`])('refuses to remove %j', (folder) => {
  expect(() => { removeFolder(folder) }).toThrow('is no folder of a lab')
})
