import { createRequire } from 'node:module'

/** From package.json, the one place that knows it. */
export const softwareVersion: string = (createRequire(import.meta.url)('../../package.json') as { version: string }).version
