/** Lines of bounded length from a stream of bytes. */
export class LineReader {
  readonly #lineBytesMax: number
  readonly #onLine: (line: string) => void
  #pieces: Uint8Array[] = []
  #bytes = 0

  constructor(lineBytesMax: number, onLine: (line: string) => void) {
    this.#lineBytesMax = lineBytesMax
    this.#onLine = onLine
  }

  /** False when a line exceeds the bound; nothing more should be pushed then. */
  push(chunk: Uint8Array): boolean {
    let at = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      if (!this.#keep(chunk.subarray(at, end))) return false
      const line = Buffer.concat(this.#pieces).toString('utf8')
      this.#pieces = []
      this.#bytes = 0
      at = end + 1
      this.#onLine(line)
    }
    return this.#keep(chunk.subarray(at))
  }

  #keep(piece: Uint8Array): boolean {
    if (piece.length === 0) return true
    this.#bytes += piece.length
    if (this.#bytes > this.#lineBytesMax) return false
    // Many tiny pieces are joined, so that the list stays as small as the line.
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.length + piece.length <= 4096) this.#pieces[this.#pieces.length - 1] = Buffer.concat([last, piece])
    else this.#pieces.push(piece.slice())
    return true
  }
}
