// What the script reports besides, when its name says so.
import { counts, html, pages, tag, visitor } from '../harness.js'

const elsewhere = pages.host('elsewhere.test', { '/page': html('', 'elsewhere'), '/guide.pdf': html('', 'a guide') })

visitor('links to other sites', async ({ page, context, origin, serve, counted, reports }) => {
  serve({
    '/': counted(`<a href="${elsewhere}/page?token=secret#part"><b>here</b></a> <a href="/own">own</a>
      <a href="mailto:jane@example.com">write</a>`, 'passant.outbound-links'),
    '/own': counted('own', 'passant.outbound-links')
  })
  await page.goto(origin + '/')
  // In another tab, which stays behind, and in this one, which leaves the page at once.
  await Promise.all([context.waitForEvent('page'), page.click('text=here', { button: 'middle' })])
  await page.click('text=own')
  await counts(page)
  await page.goBack({ waitUntil: 'commit' })
  await page.click('text=here')
  await page.waitForURL(`${elsewhere}/**`)
  await reports('events', 'event:name', { pageview: 3, 'Outbound Link: Click': 2 })
  await reports('events', 'event:props:url', { [`${elsewhere}/page`]: 2, '(none)': 3 })
})

visitor('files', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted(`<a download href="/report.PDF?version=2">report</a> <a download href="/notes.epub">book</a>
      <a href="/page.html">page</a>`, 'passant.file-downloads', 'data-add-file-types="epub"'),
    '/report.PDF': 'report', '/notes.epub': 'book', '/page.html': html('', 'page')
  })
  await page.goto(origin + '/')
  for (const link of ['report', 'book', 'page']) await page.click(`text=${link}`)
  await reports('events', 'event:name', { pageview: 1, 'File Download': 2 })
  await reports('events', 'event:props:url', { [`${origin}/report.PDF`]: 1, [`${origin}/notes.epub`]: 1, '(none)': 1 })
})

visitor('links to own paths that lead elsewhere', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted('<a href="/go/shop">shop</a> <a href="/gone">gone</a>', 'passant.cloaked-links.outbound-links'),
    '/go/shop': (_request, response) => response.writeHead(302, { location: `${elsewhere}/page` }).end(),
    '/gone': html('', 'gone')
  })
  await page.goto(origin + '/')
  await page.click('text=shop')
  await page.waitForURL(`${elsewhere}/**`)
  await reports('events', 'event:props:url', { [`${origin}/go/shop`]: 1, '(none)': 1 })
  await reports('events', 'event:name', { pageview: 1, 'Cloaked Link: Click': 1 })
})

visitor('forms', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted(`<form id="contact" action="/sent"><input name="id" value="secret"><input name="mail" type="email" required>
      <button>send</button></form>`, 'passant.forms'),
    '/sent': html('', 'thank you')
  })
  await page.goto(origin + '/')
  // It is not sent while it is not valid.
  await page.click('text=send')
  await page.fill('[name=mail]', 'jane@example.com')
  await page.click('text=send')
  await page.waitForURL('**/sent?**')
  await reports('events', 'event:name', { pageview: 1, 'Form: Submission': 1 })
  await reports('events', 'event:props:form', { contact: 1, '(none)': 1 })
  await reports('events', 'event:props:path', { '/': 1, '(none)': 1 })
})

visitor('elements that name their event', async ({ page, origin, serve, counted, reports }) => {
  serve({
    '/': counted(`
      <button data-passant-event="Signup" data-passant-event-plan="plus"><i><b>sign up</b></i></button>
      <div class="passant-event-name=Play+video passant-event-length--short"><span>play</span></div>
      <div class="plausible-event-name=Buy plausible-revenue-amount=12.50 plausible-revenue-currency=EUR">buy</div>
      <div data-passant-event="Far"><p><p><i><i><i><i>far</i></i></i></i></div>
      <form data-passant-event="Ask" onsubmit="return false"><input name="q" value="secret"><button>ask</button></form>
      <a data-passant-event="Leave" href="${elsewhere}/page?x=1">leave</a>`, 'passant.tagged-events.outbound-links.forms')
  })
  await page.goto(origin + '/')
  for (const text of ['sign up', 'play', 'buy', 'far', 'ask', 'leave']) await page.click(`text="${text}"`)
  await page.waitForURL(`${elsewhere}/**`)
  await reports('events', 'event:name', { pageview: 1, Signup: 1, 'Play video': 1, Buy: 1, Ask: 1, Leave: 1 })
  await reports('events', 'event:props:plan', { plus: 1, '(none)': 5 })
  await reports('events', 'event:props:length', { short: 1, '(none)': 5 })
  await reports('events', 'event:props:url', { [`${elsewhere}/page`]: 1, '(none)': 5 })
})

visitor('pages that are not there', async ({ page, origin, serve, domain, counted, reports }) => {
  serve({
    '/': counted('<a href="/lost">lost</a>', 'passant.not-found'),
    '/lost': (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end(html(tag(domain, 'passant.not-found'), 'not here'))
    }
  })
  await page.goto(origin + '/')
  await page.click('text=lost')
  await reports('events', 'event:name', { pageview: 2, 404: 1 })
  await reports('events', 'event:props:path', { '/lost': 1, '(none)': 2 })
})

visitor('web vitals', async ({ page, context, origin, serve, counted, reports }) => {
  serve({ '/': counted('<h1>large</h1> <button>press</button>', 'passant.web-vitals') })
  await page.goto(origin + '/')
  await page.click('text=press')
  await page.waitForFunction(() => performance.getEntriesByType('paint').length > 1)
  const other = await context.newPage()
  await other.bringToFront()
  await page.bringToFront()
  await other.bringToFront()
  await reports('events', 'event:name', { pageview: 1, 'Web Vitals': 1 })
  await reports('events', 'event:props:cls', { good: 1, '(none)': 1 })
  await reports(['bounce_rate'], undefined, { all: [100] })
})
