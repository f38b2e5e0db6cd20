/** Views that are shown again and again until Ctrl-C: redrawn in place on a terminal, a new block for each change elsewhere. */
import { setTimeout as delay } from 'node:timers/promises'
import type { CliContext, TextOutput } from './context.ts'
import { interruptible } from './local-node.ts'

export interface WatchOptions {
  /** Between the end of one rendering and the next. */
  readonly intervalMs: number
  /** False for what programs read, such as JSON: lines below each other on a terminal too. True by default. */
  readonly isRedrawn?: boolean
}

/**
 * Ends by Ctrl-C with its exit code (130), by an output that was closed, or with what `render` throws. What was drawn last stays there.
 *
 * @param render the whole view, each line with its end
 */
export async function watch(context: CliContext, { intervalMs, isRedrawn = true }: WatchOptions, render: (signal: AbortSignal) => Promise<string>): Promise<never> {
  const show = isRedrawn && context.stdout.isTerminal ? await redrawing(context.stdout) : appending(context.stdout)
  return await interruptible(context, async (signal) => {
    for (;;) {
      await show(await render(signal))
      await delay(intervalMs, undefined, { signal })
    }
  })
}

function appending(output: TextOutput): (text: string) => Promise<void> {
  let last: string | null = null
  return async (text) => {
    if (text === last) return
    last = text
    await output.write(text)
  }
}

async function redrawing(output: TextOutput): Promise<(text: string) => Promise<void>> {
  const { createLogUpdate } = await import('log-update')
  let written: Promise<void> = Promise.resolve()
  const terminal = {
    isTTY: true,
    // Of the terminal as it is now: it may be made wider or higher meanwhile.
    get columns() { return output.columns() },
    get rows() { return output.rows() },
    write: (data: string): boolean => {
      written = output.write(data)
      return true
    },
  }
  // The cursor stays: hidden, it would be lost to a second Ctrl-C, which ends the process at once.
  const draw = createLogUpdate(terminal as unknown as NodeJS.WritableStream, { showCursor: true })
  return async (text) => {
    draw(text)
    await written
  }
}
