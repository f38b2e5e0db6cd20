/** A shell whose input is a file or a program: statement by statement as they come, to the end of the input. */
import type { CliContext } from '../context.ts'
import { interruptible } from '../local-node.ts'
import { MeshError } from '../../errors.ts'
import type { Shell } from './shell.ts'
import { StatementReader, STATEMENT_CHARACTERS_MAX } from './statements.ts'

/** Resolves with the exit code of the first statement that failed, or 0. */
export async function runPiped(shell: Shell, context: CliContext, { bail }: { readonly bail: boolean }): Promise<number> {
  return await interruptible(context, async (signal) => {
    const reader = new StatementReader()
    let firstCode = 0
    const done = (code: number): boolean => {
      if (firstCode === 0) firstCode = code
      signal.throwIfAborted()
      return bail && code !== 0
    }
    /** Answers whether it ends here. */
    const take = async (text: string): Promise<boolean> => {
      if (!reader.isOpen && /^\s*\./.test(text)) {
        const code = await shell.command(text.trim(), { line: reader.line, signal })
        reader.push(text.replace(/[^\n]/g, ''))
        return code === null || done(code)
      }
      for (const statement of reader.push(text)) if (done(await shell.run(statement, signal))) return true
      if (reader.isTooLong) throw new MeshError('ERR_QUERY_TOO_LARGE', `a statement has more than ${STATEMENT_CHARACTERS_MAX} characters; perhaps a quote or a comment does not end`)
      return false
    }
    try {
      let isOver = false
      for await (const line of linesOf(context.stdin.chunks(), signal)) {
        isOver = await take(line)
        if (isOver) break
      }
      const last = isOver ? null : reader.end()
      if (last !== null) done(await shell.run(last, signal))
    } finally {
      const state = shell.session.transactionState
      if (await shell.session.close() && !signal.aborted) {
        if (firstCode === 0) firstCode = 1
        await context.stderr.write(`The input ended within a transaction${state === 'failed' ? ' that had failed' : ''}: it was rolled back.\n`)
      }
    }
    return firstCode
  })
}

/** With their ends. */
async function* linesOf(chunks: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string, void, void> {
  const aborted = Promise.withResolvers<never>()
  // Nobody waits for it but while the input is silent.
  aborted.promise.catch(() => undefined)
  const abort = (): void => { aborted.reject(signal.reason as Error) }
  signal.addEventListener('abort', abort)
  const iterator = chunks[Symbol.asyncIterator]()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted.promise])
      if (done === true) break
      const lines = `${rest}${value}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield `${line}\n`
      if (rest.length > STATEMENT_CHARACTERS_MAX) {
        yield rest
        rest = ''
      }
    }
    if (rest !== '') yield rest
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
