import { describe, expect, it } from 'vitest'
import { LogStream, MONITOR_FIELDS_BYTES_MAX, MONITOR_LINES_MAX } from '../../../src/node/log-stream.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { EventView, MonitorLine } from '../../../src/wire/control.ts'

/** Timers fire when the test says so. */
class HandClock implements Clock {
  readonly timers: Array<() => void> = []
  nowMs(): number { return 0 }
  wallMs(): number { return 1_000 }
  setTimer(_afterMs: number, callback: () => void): { cancel(): void } {
    this.timers.push(callback)
    return { cancel: () => undefined }
  }
}

function silentLog(seen: string[] = []): Log {
  const at = (level: string) => (_fields: object, message: string): void => { seen.push(`${level} ${message}`) }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => silentLog(seen) }
}

async function take(lines: AsyncIterator<MonitorLine>, count: number): Promise<MonitorLine[]> {
  const taken: MonitorLine[] = []
  while (taken.length < count) {
    const next = await lines.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

const event: EventView = { type: 'quorum-lost', atWallMs: 1, reason: 'sees 1 of 3', reachable: 1, known: 3, needed: 2 }
const message = (line: MonitorLine): string => (line.kind === 'log' ? line.message : line.kind === 'lost' ? `lost ${line.count}` : line.kind)

describe('LogStream', () => {
  it('passes every line on, and shows each watcher those of its level', async () => {
    const seen: string[] = []
    const logs = new LogStream(new HandClock())
    const log = logs.tap(silentLog(seen))
    const [debug, warn] = [logs.subscribe('debug'), logs.subscribe('warn')]
    log.debug({ peerId: 'a' }, 'one')
    log.child({ part: 'seeds' }).warn({ err: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), size: 3n }, 'two')
    expect(await take(debug, 2)).toEqual([
      { kind: 'log', atWallMs: 1_000, level: 'debug', message: 'one', fields: { peerId: 'a' } },
      { kind: 'log', atWallMs: 1_000, level: 'warn', message: 'two', fields: { part: 'seeds', err: { code: 'ECONNREFUSED', message: 'refused' }, size: '3' } },
    ])
    expect((await take(warn, 1)).map(message)).toEqual(['two'])
    expect(seen).toEqual(['debug one', 'warn two'])
  })

  it('shows events once: as events, not as the lines that log them', async () => {
    const logs = new LogStream(new HandClock())
    const watch = logs.subscribe('debug')
    logs.tap(silentLog()).warn({ event }, 'quorum-lost sees 1 of 3')
    logs.handleEvent(event)
    logs.tap(silentLog()).info({}, 'after')
    expect(await take(watch, 2)).toEqual([{ kind: 'event', event }, { kind: 'log', atWallMs: 1_000, level: 'info', message: 'after', fields: {} }])
  })

  it('never prints what cannot be, and bounds what can', async () => {
    const logs = new LogStream(new HandClock())
    const watch = logs.subscribe('info')
    const circle: { self?: unknown } = {}
    circle.self = circle
    const log = logs.tap(silentLog())
    log.info(circle, 'x'.repeat(5_000))
    log.info({ big: 'y'.repeat(MONITOR_FIELDS_BYTES_MAX) }, 'big')
    const [unprintable, big] = await take(watch, 2)
    expect(unprintable).toMatchObject({ fields: { fieldsUnprintable: expect.stringContaining('circular') as string } })
    expect(message(unprintable as MonitorLine)).toHaveLength(2_001)
    expect(big).toMatchObject({ fields: { fieldsOmittedBytes: MONITOR_FIELDS_BYTES_MAX + 10 } })
  })

  it('drops the newest lines for a slow watcher, says how many in their place, and spares the others', async () => {
    const logs = new LogStream(new HandClock())
    const log = logs.tap(silentLog())
    const slow = logs.subscribe('info')
    for (let line = 0; line < MONITOR_LINES_MAX + 5; line++) log.info({}, `${line}`)
    const quick = logs.subscribe('info')
    log.info({}, 'seen by one')
    expect((await take(quick, 1)).map(message)).toEqual(['seen by one'])
    await take(slow, 2)
    log.info({}, 'later')
    const rest = (await take(slow, MONITOR_LINES_MAX)).map(message)
    expect(rest.slice(-3)).toEqual([`${MONITOR_LINES_MAX - 1}`, 'lost 6', 'later'])
  })

  it('says what is lost also when nothing comes after it', async () => {
    const logs = new LogStream(new HandClock())
    const slow = logs.subscribe('info')
    for (let line = 0; line < MONITOR_LINES_MAX + 3; line++) logs.handleEvent(event)
    expect((await take(slow, MONITOR_LINES_MAX + 1)).at(-1)).toEqual({ kind: 'lost', count: 3 })
  })

  it('ends each watch with the reason, and waits until it is read', async () => {
    const logs = new LogStream(new HandClock())
    const watch = logs.subscribe('info')
    logs.handleEvent(event)
    let ended = false
    const ending = logs.end('SIGTERM', 500).then(() => { ended = true })
    expect(await take(watch, 2)).toEqual([{ kind: 'event', event }, { kind: 'end', reason: 'SIGTERM' }])
    expect(ended).toBe(false)
    expect(await take(watch, 1)).toEqual([])
    await ending
  })

  it('does not wait for a watcher that does not read', async () => {
    const clock = new HandClock()
    const logs = new LogStream(clock)
    logs.subscribe('info')
    const ending = logs.end('SIGTERM', 500)
    clock.timers[0]?.()
    await ending
  })

  it('ends a watch that waits when its signal aborts, and costs nothing more', async () => {
    const logs = new LogStream(new HandClock())
    const controller = new AbortController()
    const reading = take(logs.subscribe('debug', controller.signal), 1)
    await Promise.resolve()
    controller.abort()
    expect(await reading).toEqual([])
    const watched: string[] = []
    logs.tap(silentLog()).debug({ get late() { watched.push('read'); return 1 } }, 'nobody watches')
    expect(watched).toEqual([])
  })
})
