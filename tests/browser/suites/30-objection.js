// Who does not want to be counted is not, from the first moment on.
import assert from 'node:assert/strict'
import { html, launchDriven, pages, tag, USER_AGENT, visitor } from '../harness.js'

const PAGE = `<button onclick="passant('Signup')">sign up</button>
  <button onclick="passant.optOut()">forget me</button> <button onclick="passant.optIn()">count me</button>`

/** Uses a page, and afterwards another way to show that reports would have it by then. */
async function silent({ page, context, origin, reports }) {
  const sent = []
  page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()))
  await page.goto(origin + '/')
  await page.click('text=sign up')
  await page.evaluate(() => history.pushState({}, '', '/second'))
  await page.goto('about:blank')
  assert.deepEqual(sent, [])
  const counted = await context.newPage()
  await counted.goto(origin + '/counted')
  await reports('events', 'event:page', { '/counted': 1 })
}

visitor('global privacy control', async (test) => {
  test.serve({ '/': test.counted(PAGE), '/counted': test.counted('') })
  await test.page.addInitScript(() =>
    Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }))
  await silent(test)
})

visitor('do not track', async (test) => {
  test.serve({ '/': test.counted(PAGE), '/counted': test.counted('') })
  await test.page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' }))
  await silent(test)
})

visitor('storage that is forbidden', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted('') })
  await page.addInitScript(() => Object.defineProperty(window, 'localStorage', { get() { throw new Error('no') } }))
  await page.goto(origin + '/')
  await reports('events', 'event:page', { '/': 1 })
})

visitor('out and in again', async ({ page, context, origin, serve, counted, reports }) => {
  serve({ '/': counted(PAGE), '/again': counted(PAGE) })
  await page.goto(origin + '/')
  await page.click('text=forget me')
  await page.click('text=sign up')
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage })), { passant_optout: 'true' })
  // It holds on later visits, in other tabs.
  const later = await context.newPage()
  await later.goto(origin + '/again')
  await later.click('text=sign up')
  await later.click('text=count me')
  assert.deepEqual(await later.evaluate(() => ({ ...localStorage })), {})
  await later.click('text=sign up')
  await reports('events', 'event:page', { '/': 1, '/again': 1 })
  await reports('events', 'event:name', { pageview: 1, Signup: 1 })
})

visitor('a browser that a program drives', async ({ domain, origin, serve, counted, reports }) => {
  serve({ '/': counted(PAGE), '/allowed': html(tag(domain, 'passant', 'data-allow-local')) })
  const browser = await launchDriven()
  try {
    const page = await browser.newPage({ userAgent: USER_AGENT })
    await page.goto(origin + '/')
    assert.equal(await page.evaluate(() => navigator.webdriver), true)
    await page.click('text=sign up')
    await page.goto(origin + '/allowed')
    await reports('events', 'event:page', { '/allowed': 1 })
  } finally {
    await browser.close()
  }
})

visitor('a page on the own machine', async ({ page, origin, domain, serve, counted, reports }) => {
  pages.host('localhost', { '/': counted(PAGE), '/allowed': html(tag(domain, 'passant.local')) })
  const own = origin.replace(domain, 'localhost')
  await page.goto(own + '/')
  await page.click('text=sign up')
  await page.goto(own + '/allowed')
  await reports('events', 'event:page', { '/allowed': 1 })
})
