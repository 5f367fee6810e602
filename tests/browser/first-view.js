// What a person waits for who opens the dashboard of the demo site: the first paint, the last panel, and what moves in
// between. Prints tables; `make bench-dashboard` runs it, and benches/README.md shows one run.
import { launchDriven } from './browser.js'
import { Passant, until } from './passant.js'

const EVENTS = process.argv[2] ?? '2000000'
const SITE = 'demo.example'
const ROUNDS = 9
/** The view has come to rest when nothing has changed for so long, in milliseconds. */
const QUIET = 1_500
const VIEWPORT = { width: 1280, height: 900 }
/** Answers are remembered, as it comes; or each report is computed, as after every batch of beacons. */
const SERVERS = [['as it comes', ''], ['nothing remembered', '[query]\ncache_bytes = 0\n']]

/** Runs in the page before anything of it: notes when the view changed last, and how much it moved. */
function watch() {
  window.seen = { changed: 0, shift: 0 }
  // A text that becomes another one is the clock, or the visitors who are there now: they go on changing.
  new MutationObserver(() => (window.seen.changed = performance.now())).observe(document, {
    childList: true, subtree: true
  })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value
  }).observe({ type: 'layout-shift', buffered: true })
}

/** Opens a page as somebody who has been there before or not, and measures it. */
async function view(page, address) {
  await page.goto('about:blank')
  await page.goto(address)
  await page.waitForFunction((quiet) => performance.now() - window.seen.changed > quiet, QUIET)
  return page.evaluate(() => {
    const api = performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/api/'))
    return {
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
      filled: window.seen.changed,
      shift: window.seen.shift,
      questions: api.length
    }
  })
}

const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]

/**
 * A row of the table: an address that is opened by somebody new each time, or by one who has been there. All in one tab: a
 * browser that opens a window fills bars and menus of its own meanwhile, and takes half of this machine for that.
 */
async function measure([name, address, returns], elsewhere) {
  const { origin } = new URL(address)
  const page = await browser.newPage({ viewport: VIEWPORT })
  page.on('request', (request) => {
    if (!/^(about|blob):/.test(request.url()) && !request.url().startsWith(origin)) elsewhere.push(request.url())
  })
  await page.addInitScript(watch)
  const tools = await page.context().newCDPSession(page)
  await view(page, address)
  const measured = []
  for (let round = 0; round < ROUNDS; round++) {
    if (!returns) {
      await tools.send('Network.clearBrowserCache')
      await tools.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })
    }
    measured.push(await view(page, address))
  }
  await page.context().close()
  const of = (key) => measured.map((one) => one[key])
  const both = (key) => [median(of(key)).toFixed(0), Math.max(...of(key)).toFixed(0)]
  return [name, ...both('paint'), ...both('filled'), Math.max(...of('shift')).toFixed(4), median(of('questions'))]
}

/** Starts a server whose demo site is filled and rolled up. */
async function demo(config) {
  const passant = await Passant.start(config, 0, ['--demo', '--demo-events', EVENTS])
  // Nothing is told before there is a site.
  const status = () => JSON.parse(passant.cli('rollup', 'status', '--json') || '{}')
  const rolled = ({ closed_days: closed, rolled_days: rolled }) => closed > 0 && closed === rolled
  await until(status, rolled, 600_000)
  return passant
}

const browser = await launchDriven()
for (const [name, config] of SERVERS) {
  const passant = await demo(config)
  const origin = `http://127.0.0.1:${passant.port}`
  const dashboard = `${origin}/?site=${SITE}&period=30d#token=${passant.cli('token', 'create', '--scope', 'stats:read')}`
  const elsewhere = []
  const rows = []
  for (const one of [
    ['the script, as text', `${origin}/js/passant.js`, false],
    ['dashboard, first time', dashboard, false],
    ['dashboard, again', dashboard, true]
  ]) rows.push(await measure(one, elsewhere))
  await passant.stop()
  console.log(`${EVENTS} events, ${name}; median and worst of ${ROUNDS}; ${elsewhere.length} requests to other origins\n`)
  console.log('| view | first paint ms | worst | last panel ms | worst | layout shift | requests of data |')
  console.log('| --- | --- | --- | --- | --- | --- | --- |')
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
  console.log()
}
await browser.close()
