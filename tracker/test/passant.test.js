// The script in a made-up browser: what it sends, when, and when it keeps silent. No dependency, no network.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const vm = require('node:vm')
const zlib = require('node:zlib')

const SOURCE = fs.readFileSync(path.join(__dirname, '../src/passant.js'), 'utf8')

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
    hidden: false
  }
  const window = {
    location,
    navigator: { webdriver: false, doNotTrack: null, ...options.navigator },
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
      return Promise.resolve()
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
    beacons: () => requests.map(({ init }) => JSON.parse(init.body)),
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
  assert.equal(page.beacons().at(-1).n, 'pageview')
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

test('the script is at most 1,000 bytes gzipped without its comments', () => {
  const code = SOURCE.replace(/\/\*[\s\S]*?\*\//, '')
    .replace(/^\s*\/\/.*\n/gm, '')
  const bytes = zlib.gzipSync(code, { level: 9 }).length
  assert.ok(bytes <= 1000, `${bytes} bytes`)
})
