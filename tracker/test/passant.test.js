// The script in a made-up browser: what it sends, when, and when it keeps silent. No dependency, no network.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import vm from 'node:vm'

const SOURCE = fs.readFileSync(path.join(import.meta.dirname, '../dist/passant.js'), 'utf8')

/** Runs the script on a page and gives back the levers that a test needs. */
function browser(options = {}) {
  const listeners = {}
  const listen = (type, listener) => (listeners[type] = [...(listeners[type] || []), listener])
  const requests = []
  const location = new URL(options.url || 'https://example.com/')
  // As in a browser: names are keys, and each value becomes text.
  const stored = { ...options.stored }
  const storage = new Proxy(stored, { set: (target, key, value) => ((target[key] = String(value)), true) })
  const clock = { now: 1_000_000 }
  const document = {
    currentScript: {
      src: 'https://stats.example.com/js/passant.js',
      dataset: { domain: 'example.com', ...options.data }
    },
    referrer: options.referrer || '',
    documentElement: { scrollHeight: 2000 },
    hidden: options.hidden || false
  }
  const timers = []
  class Request {}
  if (!options.oldBrowser) Request.prototype.keepalive = false
  const window = {
    location,
    navigator: {
      webdriver: false,
      doNotTrack: null,
      sendBeacon: (url, body) => requests.push({ url, init: { body, beacon: true } }),
      ...options.navigator
    },
    Request,
    setTimeout: (call) => timers.push(call),
    history: {
      pushState(_state, _title, url) {
        location.href = new URL(url, location).href
      }
    },
    localStorage: storage,
    scrollY: 0,
    innerHeight: 500,
    addEventListener: listen,
    passant: options.early,
    fetch(url, init) {
      requests.push({ url, init })
      return options.unreachable ? Promise.reject(new TypeError('unreachable')) : Promise.resolve()
    }
  }
  if (options.storageThrows) {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new Error('forbidden')
      }
    })
  }
  // What the real thing would refuse to be asked: touching either fails the test.
  Object.defineProperty(document, 'cookie', {
    get: () => assert.fail('a cookie was read'),
    set: () => assert.fail('a cookie was written')
  })
  const fire = (type, event) => (listeners[type] || []).forEach((listener) => listener(event || { type }))
  Object.assign(window, { window, document, URL, URLSearchParams, Date: { now: () => clock.now } })
  vm.runInNewContext(SOURCE, window)
  return {
    window,
    document,
    requests,
    stored,
    fire,
    // Without the nonce, which is another one each time.
    beacons: () => requests.map(({ init }) => ({ ...JSON.parse(init.body), k: undefined })).map((beacon) => JSON.parse(JSON.stringify(beacon))),
    nonces: () => requests.map(({ init }) => JSON.parse(init.body).k),
    /** Lets what waits for a time, or for an answer, go on. */
    async settle() {
      await new Promise(setImmediate)
      timers.splice(0).forEach((call) => call())
      await new Promise(setImmediate)
    },
    wait: (seconds) => (clock.now += seconds * 1000),
    scroll(top) {
      window.scrollY = top
      fire('scroll')
    },
    show(state) {
      document.hidden = state === 'hidden'
      fire('visibilitychange')
    },
    go: (url) => window.history.pushState(null, '', url),
    back(url) {
      location.href = new URL(url, location).href
      fire('popstate')
    }
  }
}

test('a page load sends one pageview', () => {
  const page = browser({ referrer: 'https://search.example/' })
  assert.deepEqual(page.beacons(), [
    { n: 'pageview', u: 'https://example.com/', d: 'example.com', r: 'https://search.example/' }
  ])
})

test('beacons go to the origin of the script as plain text without credentials', () => {
  const [request] = browser().requests
  assert.equal(String(request.url), 'https://stats.example.com/api/event')
  assert.equal(request.init.method, 'POST')
  // A body of text without headers is text/plain, by the fetch standard.
  assert.equal(typeof request.init.body, 'string')
  assert.equal(request.init.headers, undefined)
  assert.equal(request.init.keepalive, true)
  assert.equal(request.init.credentials, 'omit')
})

test('data-api names another endpoint', () => {
  const page = browser({ data: { api: 'https://example.com/x/event' } })
  assert.equal(String(page.requests[0].url), 'https://example.com/x/event')
})

test('the query loses what may tell a person before it leaves the browser', () => {
  const query = '?utm_source=letter&utm_medium=email&ref=a&email=jane@example.com&gclid=secret&msclkid=&token=1#access'
  const [{ u }] = browser({ url: 'https://example.com/a' + query }).beacons()
  assert.equal(u, 'https://example.com/a?utm_source=letter&utm_medium=email&ref=a&gclid=1')
})

test('a query of other parameters goes as a whole, also where their names end like known ones', () => {
  const [{ u }] = browser({ url: 'https://example.com/a?q=words&my-source=secret&userid=7&href=x' }).beacons()
  assert.equal(u, 'https://example.com/a')
})

test('each click id counts as present and no value of one is sent', () => {
  for (const name of ['gclid', 'gbraid', 'wbraid', 'msclkid', 'fbclid', 'twclid']) {
    const [{ u }] = browser({ url: `https://example.com/?${name}=secret` }).beacons()
    assert.equal(u, `https://example.com/?${name}=1`)
  }
})

test('pushState to another path is a pageview whose referrer is the page before', () => {
  const page = browser()
  page.go('/b')
  const { n, u, r } = page.beacons().at(-1)
  assert.deepEqual({ n, u, r }, { n: 'pageview', u: 'https://example.com/b', r: 'https://example.com/' })
})

test('with data-hash the fragment tells the page, and what stands behind a question mark in it is not sent', () => {
  const page = browser({ url: 'https://example.com/app#/inbox?token=secret', data: { hash: '' } })
  page.go('#/sent')
  page.go('#/sent?page=2')
  assert.deepEqual(page.beacons().filter(({ n }) => n === 'pageview').map(({ u, h }) => [u, h]), [
    ['https://example.com/app#/inbox', 1],
    ['https://example.com/app#/sent', 1]
  ])
})

test('with data-manual a page view is what the page says it is', () => {
  const page = browser({ data: { manual: '' } })
  page.go('/b')
  assert.equal(page.requests.length, 0)
  page.window.passant('pageview', { u: 'https://example.com/orders/:id', props: { tier: 'gold' } })
  page.wait(5)
  page.show('hidden')
  assert.deepEqual(page.beacons().map(({ n, u, props }) => [n, u, props]), [
    ['pageview', 'https://example.com/orders/:id', { tier: 'gold' }],
    ['engagement', 'https://example.com/orders/:id', undefined]
  ])
})

test('a page that was opened in the background is counted when it is first seen', () => {
  const page = browser({ hidden: true })
  page.window.passant('Early')
  page.wait(60)
  assert.equal(page.requests.length, 0)
  page.show('visible')
  page.wait(4)
  page.show('hidden')
  assert.deepEqual(page.beacons().map(({ n, e }) => [n, e]), [
    ['pageview', undefined], ['Early', undefined], ['engagement', 4000]
  ])
})

test('each beacon has a nonce that no other has, in this page load or another', () => {
  const page = browser()
  for (let i = 0; i < 50; i++) page.window.passant('Click')
  const nonces = [...page.nonces(), ...browser().nonces()]
  assert.equal(new Set(nonces).size, 52)
  assert.ok(nonces.every((nonce) => /^[\x20-\x7e]{8,32}$/.test(nonce)), String(nonces))
})

test('a beacon that does not arrive is sent once more, the same, and then no more', async () => {
  const page = browser({ unreachable: true })
  for (let i = 0; i < 5; i++) await page.settle()
  const [first, second, ...more] = page.requests.map(({ init }) => init)
  assert.deepEqual(more, [])
  assert.equal(second.body, first.body)
  assert.deepEqual([first.keepalive, second.keepalive], [true, false])
})

test('a browser whose fetch dies with the page uses sendBeacon', () => {
  const [{ init }] = browser({ oldBrowser: true }).requests
  assert.ok(init.beacon)
})

test('pushState within a path is no pageview', () => {
  const page = browser()
  page.go('/?tab=2')
  page.go('/#c')
  assert.equal(page.beacons().filter(({ n }) => n === 'pageview').length, 1)
})

test('going back to another path is a pageview', () => {
  const page = browser()
  page.go('/b')
  page.back('/')
  assert.equal(page.beacons().filter(({ n }) => n === 'pageview').length, 3)
})

test('hiding the page tells how long it was seen and how far it was scrolled', () => {
  const page = browser()
  page.wait(5)
  page.scroll(1000)
  page.show('hidden')
  assert.deepEqual(page.beacons().at(-1), {
    n: 'engagement',
    u: 'https://example.com/',
    e: 5000,
    sd: 75,
    d: 'example.com'
  })
})

test('time in the background does not count', () => {
  const page = browser()
  page.wait(4)
  page.show('hidden')
  page.wait(100)
  page.show('visible')
  page.wait(6)
  page.fire('pagehide')
  const times = page.beacons().filter(({ n }) => n === 'engagement').map(({ e }) => e)
  assert.deepEqual(times, [4000, 6000])
})

test('a short look that goes no deeper is kept for the next beacon', () => {
  const page = browser()
  page.wait(5)
  page.show('hidden')
  page.show('visible')
  page.wait(2)
  page.show('hidden')
  assert.equal(page.requests.length, 2)
  page.show('visible')
  page.wait(2)
  page.show('hidden')
  assert.equal(page.beacons().at(-1).e, 4000)
})

test('a short look that goes deeper is told', () => {
  const page = browser()
  page.wait(5)
  page.show('hidden')
  page.show('visible')
  page.wait(1)
  page.scroll(1500)
  page.fire('pagehide')
  const { e, sd } = page.beacons().at(-1)
  assert.deepEqual({ e, sd }, { e: 1000, sd: 100 })
})

test('hide and pagehide together tell once', () => {
  const page = browser()
  page.wait(5)
  page.show('hidden')
  page.fire('pagehide')
  assert.equal(page.requests.length, 2)
})

test('a page change tells the engagement of the old page before the new pageview', () => {
  const page = browser()
  page.wait(9)
  page.go('/b')
  const told = page.beacons().slice(1).map(({ n, u }) => [n, u])
  assert.deepEqual(told, [
    ['engagement', 'https://example.com/'],
    ['pageview', 'https://example.com/b']
  ])
})

test('a page that comes back from the cache is a new pageview', () => {
  const page = browser()
  page.fire('pageshow', { persisted: false })
  assert.equal(page.requests.length, 1)
  page.fire('pageshow', { persisted: true })
  assert.equal(page.beacons().filter(({ n }) => n === 'pageview').length, 2)
})

test('custom events carry properties, revenue and whether they are interactive', () => {
  const page = browser()
  page.window.passant('Purchase', {
    props: { plan: 'plus' },
    revenue: { amount: '12.50', currency: 'EUR' },
    interactive: false
  })
  assert.deepEqual(page.beacons().at(-1), {
    n: 'Purchase',
    u: 'https://example.com/',
    props: { plan: 'plus' },
    revenue: { amount: '12.50', currency: 'EUR' },
    interactive: false,
    d: 'example.com'
  })
})

test('calls from before the script was there are sent after the pageview', () => {
  const early = function () {
    early.q.push(arguments)
  }
  early.q = []
  early('Signup', { props: { plan: 'free' } })
  const names = browser({ early }).beacons().map(({ n }) => n)
  assert.deepEqual(names, ['pageview', 'Signup'])
})

const SILENT = {
  'under Global Privacy Control': { navigator: { globalPrivacyControl: true } },
  'under Do Not Track': { navigator: { doNotTrack: '1' } },
  'after an objection': { stored: { passant_optout: 'true' } },
  'on localhost': { url: 'http://localhost:3000/' },
  'on 127.0.0.1': { url: 'http://127.0.0.1/' },
  'on [::1]': { url: 'http://[::1]/' },
  'when a program drives the browser': { navigator: { webdriver: true } }
}
for (const [when, options] of Object.entries(SILENT)) {
  test(`nothing is sent ${when}`, () => {
    const page = browser(options)
    page.wait(60)
    page.window.passant('Signup')
    page.go('/b')
    page.fire('pagehide')
    assert.deepEqual(page.requests, [])
  })
}

test('data-allow-local sends from localhost and from a driven browser', () => {
  const data = { allowLocal: '' }
  assert.equal(browser({ url: 'http://localhost:3000/', data }).requests.length, 1)
  assert.equal(browser({ navigator: { webdriver: true }, data }).requests.length, 1)
})

test('data-allow-local does not override an objection', () => {
  const data = { allowLocal: '' }
  assert.equal(browser({ stored: { passant_optout: 'true' }, data }).requests.length, 0)
  assert.equal(browser({ navigator: { globalPrivacyControl: true }, data }).requests.length, 0)
})

test('an objection counts at once and can be taken back, and is all that is stored', () => {
  const page = browser()
  page.window.passant.optOut()
  page.window.passant('Signup')
  assert.equal(page.requests.length, 1)
  assert.deepEqual(page.stored, { passant_optout: 'true' })
  page.window.passant.optIn()
  page.window.passant('Signup')
  assert.equal(page.requests.length, 2)
  assert.deepEqual(page.stored, {})
})

test('a visitor who forbids storage is counted and nothing breaks', () => {
  assert.equal(browser({ storageThrows: true }).requests.length, 1)
})
