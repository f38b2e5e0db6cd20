import { describe, expect, it } from 'vitest'
import { watch } from '../../../src/cli/watch.ts'
import { FakeProcess } from './fake-context.ts'

/** Shows each text in turn, and presses Ctrl-C when there is none left. */
async function show(process: FakeProcess, texts: readonly string[], isRedrawn?: boolean): Promise<unknown> {
  let shown = 0
  return await watch(process.context(), { intervalMs: 0, ...(isRedrawn === undefined ? {} : { isRedrawn }) }, () => {
    if (shown === texts.length) process.signal('SIGINT')
    return Promise.resolve(texts[shown++] ?? texts.at(-1) ?? '')
  }).catch((error: unknown) => error)
}

describe('watch', () => {
  it('writes a block for each change where nothing can be redrawn', async () => {
    const process = new FakeProcess()
    expect(await show(process, ['one\n', 'one\n', 'two\n', 'two\n', 'one\n'])).toMatchObject({ exitCode: 130 })
    expect(process.stdout.text()).toBe('one\ntwo\none\n')
    expect(process.listensForSignals).toBe(false)
  })

  it('writes only what has changed on a terminal', async () => {
    const process = new FakeProcess({ terminal: true })
    await show(process, ['title\nfirst\n', 'title\nfirst\n', 'title\nsecond\n'])
    const [first = '', second = '', ...others] = process.stdout.text().split('\u001b[?2026h').slice(1)
    expect(first).toBe('title\nfirst\n\u001b[?2026l')
    expect(second).toContain('second')
    expect(second).not.toContain('title')
    expect(others).toEqual([])
  })

  it('writes what programs read below each other, on a terminal too', async () => {
    const process = new FakeProcess({ terminal: true })
    await show(process, ['{"a":1}\n', '{"a":2}\n'], false)
    expect(process.stdout.text()).toBe('{"a":1}\n{"a":2}\n')
  })

  it('ends with what the view throws', async () => {
    const process = new FakeProcess()
    await expect(watch(process.context(), { intervalMs: 0 }, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone')
    expect(process.listensForSignals).toBe(false)
  })
})
