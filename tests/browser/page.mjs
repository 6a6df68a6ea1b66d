// A page that is watched: what it must never do is a failure wherever it happens.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const SIZES = { desktop: [1440, 900], tablet: [1024, 768], phone: [390, 844] }

export async function browser(drawing = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader']) {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', ...drawing] })
}

/** A page with a size and a theme, and the list of its faults. */
export async function open(browser, base, { size = 'desktop', scheme = 'light', hash = '', motion = 'reduce', zoom = 1, expected = [], unsettled = false } = {}) {
  const [width, height] = SIZES[size]
  const context = await browser.newContext({
    viewport: { width: Math.round(width / zoom), height: Math.round(height / zoom) },
    deviceScaleFactor: zoom, colorScheme: scheme, reducedMotion: motion, acceptDownloads: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  const faults = []
  const watched = { page, context, faults, expected: [...expected], base }
  const host = new URL(base).host
  const fault = (text) => { if (!watched.expected.some((e) => e.test(text))) faults.push(text) }
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') fault(`console: ${m.text()}`) })
  page.on('pageerror', (e) => fault(`exception: ${e.message}`))
  page.on('requestfailed', (r) => {
    // The map itself gives up tiles that have left the view.
    if (!(r.failure()?.errorText === 'net::ERR_ABORTED' && /\.mvt\?|\/files\/|\/map\?/.test(r.url()))) fault(`failed: ${r.url()} ${r.failure()?.errorText}`)
  })
  page.on('response', (r) => { if (r.status() >= 400) fault(`status ${r.status()}: ${r.url()}`) })
  page.on('request', (r) => { if (/^https?:/.test(r.url()) && new URL(r.url()).host !== host) fault(`another host: ${r.url()}`) })
  if (process.env.SLOW) {
    // A machine with other work to do: what a test does not wait for then shows.
    const devtools = await context.newCDPSession(page)
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: Number(process.env.SLOW) })
    await devtools.send('Network.enable')
    await devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 40 * Number(process.env.SLOW), downloadThroughput: -1, uploadThroughput: -1 })
  }
  await page.goto(`${base}/${hash}`)
  if (unsettled) await page.waitForSelector('.notices .notice', { timeout: 60_000 })
  else await ready(page)
  return watched
}

/** Waits until the layer is listed and the map has drawn. */
export async function ready(page) {
  await page.waitForSelector('.list-body .row, .list-body .notice, .list-body .sheet', { timeout: 60_000 })
  await page.waitForSelector('.frame[data-settled]', { timeout: 60_000 })
  await quiet(page)
}

/** Waits until nothing is read or computed any more. */
export async function quiet(page) {
  await page.waitForFunction(() => !document.documentElement.classList.contains('busy')
    && !document.querySelector('[aria-busy="true"]') && ![...document.querySelectorAll('[role="status"]')].some((e) => /being worked out/.test(e.textContent)), null, { timeout: 120_000 })
  await page.waitForTimeout(400)
}

/** Findings of axe-core that are serious or worse. */
export async function findings(page) {
  // The policy of the page keeps foreign script out; the driver's own way in is not a script element.
  await page.evaluate(axe)
  const result = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  return result.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')}`)
}
