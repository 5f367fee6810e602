// Networks and servers as they are, and pages that allow little.
import assert from 'node:assert/strict'
import { html, passant, STATS, visitor } from '../harness.js'

/** Hands a beacon on to the server, as a proxy of the site would. */
async function forward(request, response) {
  const body = []
  for await (const part of request) body.push(part)
  const answer = await fetch(`http://127.0.0.1:${passant.port}/api/event`, {
    method: 'POST',
    headers: { 'content-type': request.headers['content-type'], 'user-agent': request.headers['user-agent'] },
    body: Buffer.concat(body)
  })
  response?.writeHead(answer.status, { 'access-control-allow-origin': '*' }).end()
  return answer
}

/** Runs before any script of a page: its timers go off when they are told to. */
function holdTimers() {
  const timers = []
  window.setTimeout = (call) => timers.push(call)
  window.goOff = () => timers.splice(0).forEach((call) => call())
}

const api = (origin) => `data-api="${origin}/collect"`

visitor('a policy and a hash', async ({ page, domain, origin, serve, reports }) => {
  const snippet = passant.cli('site', 'snippet', domain, '--base-url', STATS, '--integrity',
    '--script-options', 'outbound-links,web-vitals')
  const policy = `default-src 'none'; script-src ${STATS}; connect-src ${STATS}; require-trusted-types-for 'script'`
  const guarded = (tags) => (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy }).end(html(tags, 'x'))
  }
  assert.match(snippet, / integrity="sha384-[^"]{64}" crossorigin="anonymous"/)
  serve({ '/': guarded(snippet), '/forged': guarded(snippet.replace('sha384-', 'sha384-A')), '/after': guarded(snippet) })
  await page.goto(origin + '/')
  await page.goto(origin + '/forged')
  await page.goto(origin + '/after')
  await reports('pageviews', 'event:page', { '/': 1, '/after': 1 })
})

visitor('an answer that is lost', async ({ page, origin, serve, counted, reports }) => {
  // The server has stored the beacon, and the visitor does not learn of it.
  const said = []
  serve({
    '/': counted('', 'passant', api(origin)),
    '/collect': async (request, response) => {
      const { headers } = await forward(request, said.length ? response : undefined)
      if (said.push(headers.get('x-passant-discarded')) === 1) request.socket.destroy()
    }
  })
  const answered = page.waitForEvent('response', (response) => response.url().endsWith('/collect'))
  await page.goto(origin + '/')
  await answered
  assert.deepEqual(said, [null, 'repeated'])
  await page.evaluate(() => passant('Later'))
  await reports('events', 'event:name', { pageview: 1, Later: 1 })
})

visitor('a server that is away', async ({ page, origin, serve, counted }) => {
  serve({
    '/': counted('<button onclick="this.textContent = `pressed`">press</button>', 'passant', api(origin)),
    '/collect': (request) => request.socket.destroy()
  })
  const errors = []
  page.on('pageerror', (error) => errors.push(error))
  const failures = []
  page.on('requestfailed', (request) => failures.push(request.url()))
  await page.addInitScript(holdTimers)
  await page.goto(origin + '/')
  for (let event = 0; event < 10; event++) await page.evaluate(() => passant('Try'))
  while (failures.length < 11) await page.waitForEvent('requestfailed')
  await page.evaluate(() => goOff())
  while (failures.length < 22) await page.waitForEvent('requestfailed')
  // Twice each and then no more, however long the page stays open.
  await page.evaluate(() => goOff())
  await page.click('text=press')
  assert.deepEqual(errors, [])
  assert.equal(failures.length, 22)
})

visitor('a server that answers errors', async ({ page, origin, serve, counted }) => {
  let asked = 0
  serve({
    '/': counted('', 'passant', api(origin)),
    '/collect': (_request, response) => {
      asked += 1
      response.writeHead(503, { 'access-control-allow-origin': '*' }).end()
    }
  })
  await page.addInitScript(holdTimers)
  await page.goto(origin + '/')
  await page.evaluate(() => passant('Try'))
  while (asked < 2) await new Promise(setImmediate)
  await page.evaluate(() => goOff())
  await page.evaluate(() => fetch('/'))
  assert.equal(asked, 2)
})

visitor('a slow script and a slow server', async ({ page, origin, domain, serve, reports }) => {
  const held = []
  const release = () => held.splice(0).forEach((go) => go())
  const slow = (answer) => (request, response) => held.push(() => answer(request, response))
  const script = await (await fetch(`http://127.0.0.1:${passant.port}/js/passant.js`)).text()
  serve({
    '/': html(`<script>window.passant = window.passant || function () { (passant.q = passant.q || []).push(arguments) }</script>
      <script async data-domain="${domain}" src="/slow.js" ${api(origin)}></script>`,
      '<button onclick="passant(`Early`)">press</button> <a href="/next">next</a>'),
    '/slow.js': slow((_request, response) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)),
    '/collect': slow(forward),
    '/next': html('', 'next')
  })
  await page.goto(origin + '/', { waitUntil: 'domcontentloaded' })
  // The page works before the script is there, and what it reports is not lost.
  await page.click('text=press')
  while (held.length < 1) await new Promise(setImmediate)
  const asked = page.waitForRequest('**/collect')
  release()
  await asked
  // The visitor goes on before the server has answered.
  await page.click('text=next')
  await page.waitForURL('**/next')
  while (held.length < 2) await new Promise(setImmediate)
  release()
  await reports('events', 'event:name', { pageview: 1, Early: 1 })
})

visitor('two hundred events in a burst', async ({ page, origin, serve, counted, reports }) => {
  serve({ '/': counted('') })
  await page.goto(origin + '/')
  await page.evaluate(() => {
    // More than a browser lets a page have on its way when it is left.
    for (let event = 0; event < 200; event++) passant('Burst', { props: { text: 'x'.repeat(500), number: event % 4 } })
  })
  await reports('events', 'event:name', { pageview: 1, Burst: 200 })
  await reports('events', 'event:props:number', { 0: 50, 1: 50, 2: 50, 3: 50, '(none)': 1 })
})

visitor('a script and beacons at the paths of the operator', async ({ domain, page, origin, serve, reports }) => {
  const snippet = passant.cli('site', 'snippet', domain, '--base-url', STATS, '--script-options', 'hash')
  assert.equal(snippet, `<script defer data-domain="${domain}" src="${STATS}/lib/reader.hash.js" data-api="${STATS}/lib/note"></script>`)
  const sent = []
  page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()))
  serve({ '/': html(snippet) })
  await page.goto(origin + '/#/there')
  await reports('pageviews', 'event:page', { '/#/there': 1 })
  assert.deepEqual(sent, [`${STATS}/lib/note`])
})
