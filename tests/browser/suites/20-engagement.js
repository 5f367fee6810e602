// How long a page was seen and how far it was scrolled.
import assert from 'node:assert/strict'
import { html, until, visitor } from '../harness.js'

const LONG = '<div style="height: 10000px">long</div>'

/** Until a page has been there for so long, by its own clock, since its scripts ran. */
const old = (page, milliseconds) => page.waitForFunction((old) =>
  performance.now() - performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd > old, milliseconds)

/** Asks for seconds on each page and its depth until that passes a check. */
async function engaged(report, enough) {
  const rows = await until(() => report(['time_on_page', 'scroll_depth'], 'event:page'), enough)
  assert.ok(enough(rows), JSON.stringify(rows))
}

visitor('a page that is scrolled and left', async ({ page, origin, serve, counted, reports, report }) => {
  serve({ '/': counted(LONG), '/next': html('', 'bye') })
  await page.setViewportSize({ width: 800, height: 500 })
  await page.goto(origin + '/')
  await page.mouse.wheel(0, 5000)
  await page.waitForFunction(() => scrollY > 4500)
  await old(page, 3200)
  await page.goto(origin + '/next')
  await engaged(report, ({ '/': [seconds, depth] = [] }) => seconds >= 3 && seconds <= 30 && depth >= 50 && depth <= 60)
  await reports(['pageviews', 'bounce_rate'], undefined, { all: [1, 100] })
})

visitor('a tab that is put behind another and closed', async ({ page, context, origin, serve, counted, report }) => {
  serve({ '/': counted(LONG), '/other': html('', 'other') })
  await page.setViewportSize({ width: 800, height: 500 })
  await page.goto(origin + '/')
  await old(page, 3200)
  const other = await context.newPage()
  await other.goto(origin + '/other')
  await engaged(report, ({ '/': [seconds, depth] = [] }) => seconds >= 3 && depth < 10)
  // Behind the other one no time is spent on it.
  await old(other, 4000)
  await page.bringToFront()
  await page.mouse.wheel(0, 9000)
  await page.waitForFunction(() => scrollY > 8500)
  const age = await page.evaluate(() => performance.now())
  await page.close({ runBeforeUnload: true })
  const most = Math.ceil((age - 4000) / 1000)
  await engaged(report, ({ '/': [seconds, depth] = [] }) => depth >= 90 && seconds >= 3 && seconds <= most)
})

visitor('pages of a single-page site', async ({ page, origin, serve, counted, report }) => {
  serve({ '/': counted(`<button onclick="history.pushState({}, '', '/second')">second</button>`), '/next': html('', 'bye') })
  await page.goto(origin + '/')
  await old(page, 3200)
  await page.click('text=second')
  await page.goto(origin + '/next')
  await engaged(report, (rows) => rows['/']?.[0] >= 3 && rows['/']?.[0] <= 30 && rows['/second']?.[1] === 100)
})
