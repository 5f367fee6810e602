// Clients of Umami and Matomo as npm has them, pointed at us: what a report says is what it says of our own script.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Umami } from '@umami/node'
import MatomoTracker from 'matomo-tracker'
import { file, html, passant, STATS, tag, until, USER_AGENT, visitor } from '../harness.js'

/** The same pages with each script, which gives them `report(name, properties)`. */
const SCRIPTS = {
  'our own script': (domain) => tag(domain) + '<script>window.report = (name, props) => passant(name, { props })</script>',
  "umami's script": (domain) => {
    const website = randomUUID()
    passant.cli('site', 'set', domain, '--umami-website-ids', website)
    return `<script defer src="/umami.js" data-website-id="${website}" data-host-url="${STATS}"></script>
      <script>window.report = (...call) => umami.track(...call)</script>`
  }
}

/** What is reported of a visit to three pages and an event on the first. */
async function reportsTheVisit(reports) {
  await reports(['visitors', 'visits', 'pageviews', 'bounce_rate'], undefined, { all: [1, 1, 3, 0] })
  await reports('pageviews', 'event:page', { '/': 1, '/second': 1, '/third': 1 })
  await reports('events', 'event:name', { pageview: 3, Signup: 1 })
  await reports('events', 'event:props:plan', { plus: 1, '(none)': 3 })
  await reports('visits', 'visit:source', { letter: 1 })
}

for (const [client, head] of Object.entries(SCRIPTS)) {
  visitor(`one visit with ${client}`, async ({ page, domain, origin, serve, reports }) => {
    const script = head(domain)
    serve({
      '/umami.js': file('node_modules/umami-tracker.js'),
      '/': html(script, `<button onclick="report('Signup', { plan: 'plus' })">sign up</button>
        <button onclick="history.pushState({}, '', '/second?token=secret')">second</button> <a href="/third">third</a>`),
      '/third': html(script)
    })
    await page.goto(origin + '/?utm_source=letter')
    await reports('pageviews', 'event:page', { '/': 1 })
    await page.click('text=sign up')
    await page.click('text=second')
    // Umami's waits a moment to see whether the address changes again.
    await reports('pageviews', 'event:page', { '/': 1, '/second': 1 })
    await page.click('text=third')
    await reportsTheVisit(reports)
  })
}

/** A site whose visitors a server speaks for, with its token once that is known. */
async function site(domain, ...settings) {
  await passant.site(domain, ...settings)
  const token = passant.cli('token', 'create', '--scope', 'events:write', '--site', domain)
  const ask = () => fetch(server('/api/event'), { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: '{' })
  const answer = await until(ask, ({ status }) => status === 400)
  assert.equal(answer.status, 400, 'the token is known')
  return { token, reports: (...expected) => passant.reports(domain, ...expected) }
}

const server = (path) => `http://127.0.0.1:${passant.port}${path}`

test("one visit with matomo's package for servers, one by one and all at once", async () => {
  for (const [domain, number] of [['matomo-single.test', '41'], ['matomo-bulk.test', '42']]) {
    const { token, reports } = await site(domain, '--matomo-site-ids', number)
    const visit = [
      { url: `https://${domain}/?utm_source=letter` },
      { url: `https://${domain}/`, e_c: 'Signup', dimension1: 'plus' },
      { url: `https://${domain}/second?token=secret`, urlref: `https://${domain}/` },
      { url: `https://${domain}/third` }
    ].map((said) => ({
      ...said, _id: '0123456789abcdef', uid: 'jane', res: '1920x1080', action_name: 'a page',
      ua: USER_AGENT, cip: '198.51.100.7', token_auth: token
    }))
    const tracker = new MatomoTracker(number, server('/matomo.php'))
    const errors = []
    tracker.on('error', (error) => errors.push(error))
    if (number === '42') {
      const told = JSON.parse(await new Promise((resolve) => tracker.trackBulk(visit, resolve)))
      assert.deepEqual([told.status, told.tracked, told.invalid], ['success', 4, 0])
    } else {
      tracker.track(visit.shift())
      await reports('pageviews', 'event:page', { '/': 1 })
      for (const said of visit) tracker.track(said)
    }
    await reports(['visitors', 'visits', 'pageviews', 'bounce_rate'], undefined, { all: [1, 1, 3, 0] })
    await reports('pageviews', 'event:page', { '/': 1, '/second': 1, '/third': 1 })
    await reports('events', 'event:name', { pageview: 3, Signup: 1 })
    await reports('events', 'event:props:dimension1', { plus: 1, '(none)': 3 })
    await reports('visits', 'visit:source', { letter: 1 })
    assert.deepEqual(errors, [])
  }
})

test("one visit with umami's package for servers", async () => {
  const domain = 'umami-node.test'
  await passant.site(domain)
  // Nothing is set: the page's host says which site it is, and a website of no host is one by its id.
  const client = new Umami({ websiteId: randomUUID(), hostUrl: server(''), userAgent: USER_AGENT })
  const reports = (...expected) => passant.reports(domain, ...expected)
  const counted = async (answer) => assert.deepEqual([(await answer).status, await (await answer).json()],
    [200, { cache: '', sessionId: '', visitId: '' }])
  const known = await until(() => client.track({ hostname: domain, url: '/?utm_source=letter' }), ({ status }) => status === 200)
  await counted(known)
  await counted(client.track({ hostname: domain, url: '/', name: 'Signup', data: { plan: 'plus' } }))
  await counted(client.identify({ name: 'jane' }))
  await counted(client.track({ hostname: domain, url: `https://${domain}/second?token=secret` }))
  await counted(client.track({ hostname: domain, url: '/third', referrer: `https://${domain}/second` }))
  await reportsTheVisit(reports)
  assert.equal((await client.track('Signup')).status, 400, 'a website that nobody knows')
})
