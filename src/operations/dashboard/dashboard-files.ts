/** The files of the dashboard, read once. Nothing of it comes from another host: the libraries are those of this package. */
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface DashboardFile {
  readonly contentType: string
  readonly body: Buffer
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml',
}

/** By the path at which each is served; the page itself is at `/`. */
export async function dashboardFiles(): Promise<ReadonlyMap<string, DashboardFile>> {
  const page = fileURLToPath(new URL('page/', import.meta.url))
  const libraries = libraryFiles()
  const sources = (await readdir(page)).map((name): [string, string] => [name === 'index.html' ? '/' : `/assets/${name}`, join(page, name)])
  const known = [...sources, ...libraries.files].filter(([, file]) => contentTypeOf(file) !== undefined)
  return new Map(await Promise.all(known.map(async ([path, file]): Promise<[string, DashboardFile]> => {
    const body = await readFile(file)
    const contentType = contentTypeOf(file) ?? ''
    return [path, { contentType, body: contentType.startsWith('text/javascript') ? withPaths(body, libraries.paths) : body }]
  })))
}

function contentTypeOf(file: string): string | undefined {
  return contentTypes[extname(file).replace('.mjs', '.js')]
}

interface Libraries {
  /** Served path and file. */
  readonly files: ReadonlyArray<[string, string]>
  /** Served path by the name that modules import. */
  readonly paths: ReadonlyMap<string, string>
}

function libraryFiles(): Libraries {
  const here = createRequire(import.meta.url)
  const uplot = dirname(here.resolve('uplot/package.json'))
  const parser = here.resolve('eventsource-parser')
  const force = here.resolve('d3-force')
  const besideForce = createRequire(force)
  const modules = new Map<string, [string, string]>([
    ['uplot', ['/assets/vendor/uplot.js', join(uplot, 'dist/uPlot.esm.js')]],
    ['eventsource-parser', ['/assets/vendor/eventsource-parser/index.js', parser]],
    ['d3-force', ['/assets/vendor/d3-force.js', force]],
    ...['d3-quadtree', 'd3-timer', 'd3-dispatch'].map((name): [string, [string, string]] => [name, [`/assets/vendor/${name}.js`, besideForce.resolve(name)]]),
  ])
  return {
    files: [
      ...modules.values(),
      ['/assets/vendor/uplot.css', join(uplot, 'dist/uPlot.min.css')],
      ...['errors', 'parse'].map((name): [string, string] => [`/assets/vendor/eventsource-parser/${name}.js`, join(dirname(parser), `${name}.js`)]),
    ],
    paths: new Map([...modules].map(([name, [path]]) => [name, path])),
  }
}

/** An import map would be an inline script, which the policy of the page forbids: the names of libraries become paths here. */
function withPaths(module: Buffer, paths: ReadonlyMap<string, string>): Buffer {
  return Buffer.from(module.toString('utf8').replace(/\b(from|import)(\s*\(?\s*)(['"])([a-z][\w-]*)\3/g, (whole, keyword: string, gap: string, quote: string, name: string) => {
    const path = paths.get(name)
    return path === undefined ? whole : `${keyword}${gap}${quote}${path}${quote}`
  }))
}
