/**
 * Reads files of /proc and /sys. Synchronous on purpose: the kernel makes them up in memory, in 10 to 50 µs, where a trip through the
 * thread pool costs five times as much CPU.
 */
import { readFileSync } from 'node:fs'

/** What the kernel answers where a file or a controller does not exist. */
const absentCodes: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP'])

/** Null when there is no such file; any other failure is thrown as it is. */
export function readPseudoFile(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && absentCodes.has(String(error.code))) return null
    throw error
  }
}

/** A file of one number; null when it is absent or says `max`. */
export function readNumberFile(path: string): number | null {
  const text = readPseudoFile(path)?.trim()
  if (text === undefined || text === 'max') return null
  const value = Number(text)
  if (text === '' || !Number.isFinite(value)) throw new Error(`${path} holds no number`)
  return value
}

/** The number behind a key in lines of `key number`; null when it is absent. */
export function fieldOf(text: string, key: string): number | null {
  for (const line of text.split('\n')) {
    if (line.startsWith(key) && line.charCodeAt(key.length) === 32) return Number(line.slice(key.length + 1))
  }
  return null
}
