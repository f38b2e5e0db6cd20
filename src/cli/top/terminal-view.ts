/**
 * The live view on a terminal: another screen, which is left as it was found however this ends, short of SIGKILL. Everything is redrawn in place at each
 * look, key or change of size.
 */
import { emitKeypressEvents } from 'node:readline'
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshError } from '../../errors.ts'
import { type CliContext, Exit, signalExitCodes } from '../context.ts'
import { ordered, type SortKey, sortKeys } from './order.ts'
import { nodeRoom, screenLines } from './screen.ts'
import { type TopSample, type TopSnapshot, toSnapshot } from './snapshot.ts'

const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'

export interface TopSources {
  readonly look: (signal: AbortSignal) => Promise<TopSample>
  /** Lines of events from now on; ends with the node. */
  readonly events: (signal: AbortSignal) => AsyncIterable<string>
}

const eventsKept = 200
const reconnectMs = 1_000

export async function runTerminalView(context: CliContext, { look, events: follow }: TopSources, { intervalMs, sort: firstSort }: { readonly intervalMs: number; readonly sort: SortKey }): Promise<void> {
  const { stdin, stdout } = process
  const ending = new AbortController()
  const events: string[] = []
  let sort: { key: SortKey; isReversed: boolean } = { key: firstSort, isReversed: false }
  let [offset, isPaused]: [number, boolean] = [0, false]
  let problem: string | null = null
  let snapshot: TopSnapshot | null = null

  const size = (): { columns: number; rows: number } => ({ columns: Math.max(1, stdout.columns), rows: Math.max(2, stdout.rows) })
  const draw = (): void => {
    if (snapshot === null || ending.signal.aborted) return
    const nodes = ordered(snapshot.nodes, sort)
    offset = Math.max(0, Math.min(offset, nodes.length - nodeRoom(size())))
    const lines = screenLines({ snapshot, nodes, events, sort, offset, isPaused, problem }, size(), context.stdout)
    // One write, so that no half of a screen is seen. A line is cleared before it is drawn: behind its last column that would take the last character.
    stdout.write(`\u001b[H${lines.map((line) => `\u001b[2K${line}`).join('\r\n')}`)
  }
  const turnSort = (by: number): void => {
    const index = sortKeys.indexOf(sort.key) + by
    sort = { key: sortKeys[(index + sortKeys.length) % sortKeys.length] ?? 'name', isReversed: false }
  }
  const onKey = (_text: string | undefined, key: { readonly name?: string; readonly ctrl?: boolean; readonly sequence?: string }): void => {
    const name = key.name ?? key.sequence
    if (name === 'q' || (key.ctrl === true && (name === 'c' || name === 'd'))) return ending.abort(new Exit(0))
    if (name === 'right' || name === 's') turnSort(1)
    else if (name === 'left') turnSort(-1)
    else if (name === 'r') sort = { ...sort, isReversed: !sort.isReversed }
    else if (name === 'down' || name === 'j') offset++
    else if (name === 'up' || name === 'k') offset--
    else if (name === 'pagedown') offset += nodeRoom(size())
    else if (name === 'pageup') offset -= nodeRoom(size())
    else if (name === 'space') isPaused = !isPaused
    draw()
  }
  const restore = (): void => {
    // The last thing a dying process does: no stream is written any more.
    writeSync(stdout.fd, leave)
    stdin.setRawMode(false)
  }
  const onHangUp = (): void => ending.abort(new Exit(129))
  const release = context.onSignal((signal) => { ending.abort(new Exit(signal === 'SIGINT' ? 0 : signalExitCodes[signal])) })

  const before: { sample: TopSample | null } = { sample: null }
  const lookOnce = async (): Promise<void> => {
    const sample = await look(ending.signal)
    snapshot = toSnapshot(sample, before.sample)
    before.sample = sample
  }
  // Without a node there is nothing to enter another screen for.
  await lookOnce()
  process.on('exit', restore)
  process.on('SIGHUP', onHangUp)
  stdout.write(enter)
  emitKeypressEvents(stdin)
  stdin.setRawMode(true)
  stdin.on('keypress', onKey).resume()
  stdout.on('resize', draw)
  try {
    const following = followEvents(follow, { signal: ending.signal, add: (line) => { events.splice(0, events.length - eventsKept + 1); events.push(line) } })
    draw()
    while (!ending.signal.aborted) {
      await delay(intervalMs, undefined, { signal: ending.signal }).catch(() => undefined)
      if (ending.signal.aborted) break
      if (isPaused) continue
      problem = await lookOnce().then(() => null, problemOf)
      draw()
    }
    await following
  } finally {
    stdout.off('resize', draw)
    stdin.off('keypress', onKey).pause()
    process.off('SIGHUP', onHangUp)
    process.off('exit', restore)
    restore()
    release()
  }
  const reason = ending.signal.reason as Exit
  if (reason.exitCode !== 0) throw reason
}

/** A node that is restarted is found again. */
function problemOf(error: unknown): string {
  if (!(error instanceof MeshError)) throw error
  return `No answer since then: ${error.message} (${error.code}); trying again`
}

async function followEvents(follow: TopSources['events'], { signal, add }: { readonly signal: AbortSignal; readonly add: (line: string) => void }): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of follow(signal)) add(line)
    } catch (error) {
      // What is wrong the next look says; whatever is no such error is a fault.
      if (!signal.aborted && !(error instanceof MeshError)) throw error
    }
    await delay(reconnectMs, undefined, { signal }).catch(() => undefined)
  }
}
