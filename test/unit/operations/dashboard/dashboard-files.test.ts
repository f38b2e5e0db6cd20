import { describe, expect, it } from 'vitest'
import { dashboardFiles } from '../../../../src/operations/dashboard/dashboard-files.ts'

describe('the files of the dashboard', () => {
  it('are all that a page without other hosts needs, each with its type', async () => {
    const files = await dashboardFiles()
    expect(files.get('/')?.contentType).toBe('text/html; charset=utf-8')
    expect([...files.keys()]).toEqual(expect.arrayContaining(['/assets/dashboard.css', '/assets/icon.svg', '/assets/vendor/uplot.css', '/assets/vendor/d3-timer.js']))
    const page = files.get('/')?.body.toString() ?? ''
    expect(page).not.toMatch(/https?:|<style|style=|<script(?! type="module" src=)| on\w+=/)
    for (const [, path = ''] of page.matchAll(/(?:href|src)="(\/assets\/vendor\/[^"]+)"/g)) expect(files.has(path), path).toBe(true)
  })

  it('import one another by paths that are served, and nothing by name', async () => {
    const files = await dashboardFiles()
    for (const [path, { contentType, body }] of files) {
      if (!contentType.startsWith('text/javascript')) continue
      for (const [, name = ''] of body.toString().matchAll(/^(?:import|export)\b[^'"]*from\s*['"]([^'"]+)['"]/gm)) expect(files.has(new URL(name, `http://node${path}`).pathname), `${name} of ${path}`).toBe(true)
    }
  })
})
