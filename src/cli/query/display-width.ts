/** How much room a text takes on a terminal. */

const plain = /^[\x20-\x7e]*$/
// C0, DEL and C1 controls, line separators, and the marks that reorder text.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const wide = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const zero = /^[\p{Mn}\p{Me}\p{Cf}]+$/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Data must not move the cursor, set colours or reorder a line: what could is shown as an escape. */
export function visible(text: string): string {
  if (plain.test(text)) return text
  return text.replace(unsafe, (character) => escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function displayWidth(text: string): number {
  if (plain.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment)
  return width
}

/** The longest beginning that leaves room for an ellipsis. */
export function cutToWidth(text: string, width: number): string {
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = graphemeWidth(segment)
    if (used + next > width - 1) break
    kept += segment
    used += next
  }
  return `${kept}…`
}

/** The longest end that leaves room for an ellipsis. */
export function cutStartToWidth(text: string, width: number): string {
  const segments = Array.from(graphemes.segment(text), ({ segment }) => segment)
  let used = 0
  let first = segments.length
  while (first > 0) {
    const next = graphemeWidth(segments[first - 1] ?? '')
    if (used + next > width - 1) break
    used += next
    first--
  }
  return `…${segments.slice(first).join('')}`
}

function graphemeWidth(segment: string): number {
  if (zero.test(segment)) return 0
  return wide.test(segment) ? 2 : 1
}
