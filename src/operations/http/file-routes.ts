/** The dashboard's files. They hold no secret, so that who has no session yet can log in with them. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { MeshError } from '../../errors.ts'
import type { HttpFiles, HttpRoom } from './http-room.ts'

interface ServedFile {
  readonly contentType: string
  readonly body: Buffer
  readonly etag: string
}

export function addFileRoutes(app: FastifyInstance, { files }: HttpRoom): void {
  let served: Promise<ReadonlyMap<string, ServedFile>> | null = null
  const load = async (): Promise<ReadonlyMap<string, ServedFile>> => {
    const found: HttpFiles = files === null ? new Map() : await files()
    return new Map([...found].map(([path, { contentType, body }]) => [path, { contentType, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` }]))
  }
  app.get('/', async (request, reply) => await send('/', request, reply))
  app.get<{ readonly Params: { readonly '*'?: string } }>('/assets/*', async (request, reply) => await send(`/assets/${request.params['*'] ?? ''}`, request, reply))

  const send = async (path: string, { headers }: { readonly headers: { readonly 'if-none-match'?: string | undefined } }, reply: FastifyReply): Promise<unknown> => {
    served ??= load().catch((error: unknown) => {
      // The next one tries again.
      served = null
      throw error
    })
    const file = (await served).get(path)
    if (file === undefined) throw new MeshError('ERR_RESOURCE_UNKNOWN', `there is no file ${path.slice(0, 300)}`)
    // Names stay the same over releases: each use asks whether it still holds.
    void reply.headers({ 'etag': file.etag, 'cache-control': 'no-cache' })
    const isKnown = (headers['if-none-match'] ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === file.etag)
    return isKnown ? reply.status(304).send() : reply.header('content-type', file.contentType).send(file.body)
  }
}
