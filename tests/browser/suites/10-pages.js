// Page views: sites of several pages and of one, pages that come back, that open in the background, in a frame, ahead of time.
import assert from 'node:assert/strict'
import { counts, html, passant, tag, visitor } from '../harness.js'

const PAGEVIEWS = ['visitors', 'visits', 'pageviews']

visitor('a site of several pages', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted('<a href="/about?token=secret&utm_source=letter#team">About</a>'),
    '/about': counted('<a href="/">Home</a>')
  })
  await page.goto(origin + '/')
  await page.click('text=About')
  await counts(page)
  await page.click('text=Home')
  await reports(PAGEVIEWS, 'event:page', { '/': [1, 1, 2], '/about': [1, 1, 1] })
  await reports(['visitors', 'visits', 'bounce_rate'], undefined, { all: [1, 1, 0] })
  await reports('pageviews', 'event:name', { pageview: 3 })
})

visitor('a campaign and a referrer', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted(''), '/from': html('', '<a href="/?utm_source=letter&utm_campaign=may&token=secret">go</a>') })
  await page.goto(origin + '/from')
  await page.click('text=go')
  await reports('visitors', 'visit:utm_campaign', { may: 1 })
  await reports('visitors', 'visit:source', { letter: 1 })
})

visitor('a site of a single page', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted(`
      <button onclick="history.pushState({}, '', '/one')">one</button>
      <button onclick="history.pushState({}, '', '/two?tab=1')">two</button>
      <button onclick="history.pushState({}, '', '?tab=2')">tab</button>
      <button onclick="history.replaceState({}, '', '/replaced')">replace</button>`)
  })
  await page.goto(origin + '/')
  for (const button of ['one', 'two', 'tab', 'replace']) await page.click(`text=${button}`)
  await page.evaluate(() => history.go(-2))
  await page.waitForURL('**/one')
  await reports(PAGEVIEWS, 'event:page', { '/': [1, 1, 1], '/one': [1, 1, 2], '/two': [1, 1, 1] })
  await reports('visits', 'visit:entry_page', { '/': 1 })
})

visitor('routes in the fragment', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted('<a href="#/about">About</a> <a href="#/inbox?token=secret">Inbox</a>', 'passant.hash') })
  await page.goto(origin + '/')
  await page.click('text=About')
  await page.click('text=Inbox')
  await page.evaluate(() => history.back())
  await reports('pageviews', 'event:page', { '/': 1, '/#/about': 2, '/#/inbox': 1 })
})

visitor('a fragment without the option', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted('<a href="#part">Part</a> <button onclick="passant(`Done`)">done</button>') })
  await page.goto(origin + '/')
  await page.click('text=Part')
  await page.click('text=done')
  await reports('events', 'event:name', { pageview: 1, Done: 1 })
})

visitor('the back and forward cache', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted('<a href="/next">next</a>'), '/next': html('', 'bye') })
  await page.goto(origin + '/')
  await page.evaluate(() => { window.kept = true })
  await page.click('text=next')
  await page.waitForURL('**/next')
  await page.evaluate(() => { history.back() })
  // Nothing is loaded, so there is no such moment to wait for.
  await page.waitForURL(origin + '/', { waitUntil: 'commit' })
  assert.equal(await page.evaluate(() => window.kept), true, 'the page came from the cache')
  await reports(PAGEVIEWS, 'event:page', { '/': [1, 1, 2] })
})

visitor('a tab in the background', async ({ page, context, origin, serve, counted, reports }) => {
  serve({
    '/': counted('<a href="/behind">read later</a> <button onclick="passant(`Marker`)">mark</button>'),
    '/behind': counted('<script>window.passant = function () { (passant.q = passant.q || []).push(arguments) }; passant("Early")</script>')
  })
  await page.goto(origin + '/')
  const [behind] = await Promise.all([context.waitForEvent('page'), page.click('text=read later', { button: 'middle' })])
  await behind.waitForLoadState()
  assert.equal(await behind.evaluate(() => document.visibilityState), 'hidden')
  await page.click('text=mark')
  await reports('events', 'event:name', { pageview: 1, Marker: 1 })
  await behind.bringToFront()
  await reports('pageviews', 'event:page', { '/': 1, '/behind': 1 })
  await reports('events', 'event:name', { pageview: 2, Marker: 1, Early: 1 })
})

visitor('a tab that is closed unseen', async ({ page, context, origin, serve, counted, reports }) => {
  serve({
    '/': counted('<a href="/behind">read later</a> <button onclick="passant(`Marker`)">mark</button>'),
    '/behind': counted('')
  })
  await page.goto(origin + '/')
  const [behind] = await Promise.all([context.waitForEvent('page'), page.click('text=read later', { button: 'middle' })])
  await behind.waitForLoadState()
  await behind.close({ runBeforeUnload: true })
  await page.click('text=mark')
  await reports('events', 'event:page', { '/': 2 })
})

visitor('frames', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted('<iframe src="/framed"></iframe><iframe sandbox="allow-scripts" src="/sandboxed"></iframe>'),
    '/framed': counted('framed'),
    // Without an origin there is no storage, and asking for it throws.
    '/sandboxed': counted('sandboxed')
  })
  await page.goto(origin + '/')
  await reports('pageviews', 'event:page', { '/': 1, '/framed': 1, '/sandboxed': 1 })
  await reports(['visitors', 'visits'], undefined, { all: [1, 1] })
})

visitor('pages that are left at once', async ({ page, origin, serve, counted, reports }) => {
  const chain = Object.fromEntries([1, 2, 3, 4, 5].map((step) =>
    [`/${step}`, counted(`<script>addEventListener('load', () => { location = '/${step + 1}' })</script>`)]))
  serve({ ...chain, '/6': counted('here') })
  await page.goto(origin + '/1')
  await page.waitForURL('**/6')
  await reports('pageviews', 'event:page', { '/1': 1, '/2': 1, '/3': 1, '/4': 1, '/5': 1, '/6': 1 })
})

visitor('pages on which page views are manual', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/orders/7': counted(`<button onclick="passant('pageview', { u: location.origin + '/orders/:id' })">shown</button>`, 'passant.manual') })
  await page.goto(origin + '/orders/7')
  await page.evaluate(() => history.pushState({}, '', '/elsewhere'))
  await page.click('text=shown')
  await reports('events', 'event:page', { '/orders/:id': 1 })
})

visitor('two sites on one page', async ({ page, domain, origin, serve, reports }) => {
  for (const name of ['group', 'other']) await passant.site(`${name}.${domain}`)
  serve({ '/': html(tag(`${domain},group.${domain}`) + tag(`other.${domain}`)), '/next': html(tag(domain), 'next') })
  await page.goto(origin + '/')
  await page.goto(origin + '/next')
  await reports('pageviews', 'event:page', { '/': 1, '/next': 1 })
  await passant.reports(`group.${domain}`, 'pageviews', 'event:page', { '/': 1 })
  await passant.reports(`other.${domain}`, 'pageviews', 'event:page', { '/': 1 })
})
