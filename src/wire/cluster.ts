/**
 * What two nodes must agree on before a word is exchanged: the wire version and the label of the cluster. Both are mixed into the prologue of
 * every handshake and into the keys of every datagram, so two clusters with one key never mix, and nobody in between can talk two nodes
 * down to an older version.
 */

/** Raised when nodes of two versions could misunderstand each other. */
export const wireVersion = 1
export const defaultClusterLabel = 'reedbase'
/** The same form as names. */
export const clusterLabelPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** The text of an Ed25519 PeerId, which every node's is. */
export const peerIdPattern = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/

/** Unambiguous, since a label holds no NUL. */
export function clusterContext(label: string): string {
  return `reedbase wire ${wireVersion}\0${label}\0`
}
