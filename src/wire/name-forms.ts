/**
 * What names may hold, alike for one's own options and for what peers send. A peer's names reach the shells that complete them, headers, cells of
 * spreadsheets and pages: with nothing in them that means something there, none of these places has to be trusted to quote.
 */

/** Of members, datacenters, racks and clusters. */
export const labelForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
export const databaseNameForm = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/
/** The kind of an engine. */
export const engineForm = /^[a-z][a-z0-9-]{0,31}$/
export const softwareVersionForm = /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/
/** A member's name as it is shown: with the end of its PeerId behind it where two bear one name. */
const shownNameForm = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,79}$/

/** As a peer says it of itself or of others; what no name holds is replaced, since the answer around it is sound. */
export function cleanShownName(text: string): string {
  return shownNameForm.test(text) ? text : text.slice(0, 80).replace(/[^A-Za-z0-9._~-]/g, '_').replace(/^[.~-]/, '_')
}
