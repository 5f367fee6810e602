// Plausible's tags pointed at us, and its own clients: what a report says is what it says of our own script.
import path from 'node:path'
import { build } from 'vite'
import { counts, html, pages, STATS, visitor } from '../harness.js'

const elsewhere = pages.host('beyond.test', { '/page': html('', 'elsewhere') })

const STUB = 'window.plausible = window.plausible || function () { (plausible.q = plausible.q || []).push(arguments) }'

const legacy = (domain, name, attributes = '') =>
  `<script defer data-domain="${domain}" src="${STATS}/js/${name}.js" ${attributes}></script>`

visitor('plausible with everything in its name', async ({ page, domain, origin, serve, reports }) => {
  serve({
    '/': html(
      legacy(domain, 'script.file-downloads.outbound-links.tagged-events.revenue.pageview-props.compat', 'event-author="Jane"') +
      `<script>${STUB}; plausible('Early', { props: { at: 'once' } })</script>`,
      `<button class="plausible-event-name=Sign+up plausible-event-plan=plus">sign up</button>
       <button onclick="plausible('Buy', { revenue: { amount: 9.5, currency: 'EUR' }, callback: (r) => { this.textContent = 'status ' + r.status } })">buy</button>
       <a download href="/report.pdf">report</a> <a href="${elsewhere}/page">away</a>`),
    '/report.pdf': 'report'
  })
  await page.goto(origin + '/')
  await page.click('text=sign up')
  await page.click('text=buy')
  await page.waitForSelector('text=status 202')
  await page.click('text=report')
  await page.click('text=away')
  await page.waitForURL(`${elsewhere}/**`)
  await reports('events', 'event:name',
    { pageview: 1, Early: 1, 'Sign up': 1, Buy: 1, 'File Download': 1, 'Outbound Link: Click': 1 })
  await reports('events', 'event:props:author', { Jane: 6 })
  await reports('events', 'event:props:plan', { plus: 1, '(none)': 5 })
  await reports('events', 'event:props:url', { [`${origin}/report.pdf`]: 1, [`${elsewhere}/page`]: 1, '(none)': 4 })
})

visitor('plausible with pages left out', async ({ page, domain, origin, serve, reports }) => {
  const script = legacy(domain, 'script.exclusions', 'data-exclude="/admin/*, /drafts/**" data-include="/**"')
  for (const at of ['/', '/admin/one', '/admin/one/two', '/drafts/a/b']) serve({ [at]: html(script, '<p style="height: 4000px">') })
  for (const at of ['/admin/one', '/drafts/a/b', '/admin/one/two', '/']) await page.goto(origin + at)
  await reports('events', 'event:page', { '/admin/one/two': 1, '/': 1 })
})

visitor('plausible with routes in the fragment and manual views', async ({ page, domain, origin, serve, reports }) => {
  serve({
    '/hash': html(legacy(domain, 'plausible.hash')),
    '/manual': html(legacy(domain, 'script.manual'),
      `<button onclick="plausible('pageview', { u: location.origin + '/named' })">view</button>`)
  })
  await page.goto(origin + '/hash#/route')
  await page.goto(origin + '/manual')
  await page.click('text=view')
  await reports('events', 'event:page', { '/hash#/route': 1, '/named': 1 })
})

visitor('plausible that ignores somebody', async ({ page, domain, origin, serve, reports }) => {
  serve({ '/': html(legacy(domain, 'script')), '/after': html(legacy(domain, 'script')) })
  await page.goto(origin + '/blank')
  await page.evaluate(() => localStorage.setItem('plausible_ignore', 'true'))
  await page.goto(origin + '/')
  await page.evaluate(() => { plausible('Unseen'); localStorage.clear() })
  await page.goto(origin + '/after')
  await reports('events', 'event:page', { '/after': 1 })
})

visitor('plausible that is told how to begin', async ({ page, origin, serve, reports }) => {
  const begin = `window.plausible=window.plausible||function(){(plausible.q=plausible.q||[]).push(arguments)},
    plausible.init=plausible.init||function(i){plausible.o=i||{}};
    plausible.init({
      customProperties: (name) => ({ shown: name }),
      formSubmissions: false,
      transformRequest: (payload) => payload.n == 'Secret' ? null : { ...payload, p: { ...payload.p, seen: 'yes' } }
    })`
  serve({
    '/': html(`<script async src="${STATS}/js/pa-Qk3_9x.js"></script><script>${begin}</script>`,
      `<button onclick="plausible('Secret'); plausible('Shown', { props: { own: '1' } })">report</button>
       <form action="/sent"><button>send</button></form> <a href="${elsewhere}/page">away</a>`),
    '/sent': html('', '<a href="/">back</a>')
  })
  await page.goto(origin + '/')
  await page.waitForFunction(() => !plausible.o)
  await page.click('text=report')
  await page.click('text=send')
  await page.goto(origin + '/')
  await page.click('text=away')
  await page.waitForURL(`${elsewhere}/**`)
  await reports('events', 'event:name', { pageview: 2, Shown: 1, 'Outbound Link: Click': 1 })
  await reports('events', 'event:props:seen', { yes: 4 })
  await reports('events', 'event:props:shown', { pageview: 2, Shown: 1, 'Outbound Link: Click': 1 })
  await reports('events', 'event:props:own', { 1: 1, '(none)': 3 })
})

/** One of Plausible's clients, bundled as a site would. */
async function bundled(name) {
  const root = path.join(import.meta.dirname, '../fixtures/bundled')
  const input = path.join(root, `${name}.js`)
  const { output: [{ code }] } =
    await build({ root, configFile: false, logLevel: 'warn', build: { write: false, rollupOptions: { input } } })
  return code
}

const OWN = `<script>window.report = (...call) => passant(...call)</script>`

/** The same pages with each client, whatever it says of the links. */
const CLIENTS = {
  'our own script': (domain) => OWN + legacy(domain, 'passant.outbound-links.file-downloads.forms.tagged-events'),
  "plausible's package": async () => `<script type="module">${await bundled('plausible')}</script>`,
  "plausible's older package": async () => `<script type="module">${await bundled('plausible-older')}</script>`
}

for (const [client, head] of Object.entries(CLIENTS)) {
  visitor(`the same rows with ${client}`, async ({ page, domain, origin, serve, reports }) => {
    const page_ = (body) => async (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(
      `<!doctype html><html data-api="${STATS}/api/event"><meta charset="utf-8">${await head(domain)}<body>${body}`)
    serve({
      '/': page_(`<button onclick="report('Signup', { props: { plan: 'plus' } })">sign up</button>
        <button onclick="history.pushState({}, '', '/second')">second</button> <a href="/third?utm_source=letter">third</a>`),
      '/third': page_(`<a href="${elsewhere}/page">away</a>`)
    })
    await page.goto(origin + '/')
    await page.click('text=sign up')
    await page.click('text=second')
    await page.click('text=third')
    await counts(page)
    await page.click('text=away')
    await page.waitForURL(`${elsewhere}/**`)
    await reports('pageviews', 'event:page', { '/': 1, '/second': 1, '/third': 1 })
    await reports('events', 'event:name', { pageview: 3, Signup: 1, 'Outbound Link: Click': 1 })
    await reports('events', 'event:props:url', { [`${elsewhere}/page`]: 1, '(none)': 4 })
    await reports(['visitors', 'visits', 'bounce_rate'], undefined, { all: [1, 1, 0] })
    await reports('events', 'event:props:plan', { plus: 1, '(none)': 4 })
  })
}
