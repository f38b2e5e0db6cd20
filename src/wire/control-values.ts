/** Parameters of a statement in a JSON line: each the `Value` of query.proto, in base64, so that no type is lost. */
import { MeshError } from '../errors.ts'
import type { QueryValue } from '../ports/query-engine.ts'
import { Value } from './generated/query.ts'
import { decodeValue, encodeValue } from './query-values.ts'

/** @throws MeshError ERR_OPTION_INVALID when a parameter has no form on the wire */
export function parametersToTexts(parameters: readonly QueryValue[]): string[] {
  return parameters.map((value, index) => Buffer.from(Value.encode(encodeValue(value, index))).toString('base64'))
}

/** @throws MeshError ERR_OPTION_INVALID */
export function parametersFromTexts(texts: readonly string[]): QueryValue[] {
  return texts.map((text, index) => {
    const value = decoded(text)
    if (value === undefined) throw new MeshError('ERR_OPTION_INVALID', `parameter ${index + 1} of a query to explain is no value`)
    return value
  })
}

function decoded(text: string): QueryValue | undefined {
  try {
    return decodeValue(Value.decode(Buffer.from(text, 'base64')))
  } catch {
    // Whoever sent it is told which one it is.
    return undefined
  }
}
