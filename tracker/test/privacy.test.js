// P7: what the script touches of the device. It runs in a browser made of proxies that write down every name that is
// asked for, at any depth; a name that is not on the list fails the test. No dependency, no network.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import vm from 'node:vm'

const SOURCE = fs.readFileSync(path.join(import.meta.dirname, '../dist/passant.js'), 'utf8')

/** All that the script may read, write or call of a page. */
const ALLOWED = [
  'Date.now', 'JSON.stringify', 'Math.max', 'Math.min', 'Math.random', 'Request', 'URL', 'setTimeout',
  'addEventListener', 'fetch', 'fetch.catch', 'innerHeight', 'scrollY',
  'document.currentScript', 'document.currentScript.dataset', 'document.currentScript.dataset.allowLocal',
  'document.currentScript.dataset.api', 'document.currentScript.dataset.domain',
  'document.currentScript.dataset.hash', 'document.currentScript.dataset.manual', 'document.currentScript.src',
  'document.documentElement', 'document.documentElement.scrollHeight', 'document.hidden', 'document.referrer',
  'history.pushState',
  'localStorage.passant_optout',
  'location.hostname', 'location.origin', 'location.pathname', 'location.search',
  'navigator.doNotTrack', 'navigator.globalPrivacyControl', 'navigator.webdriver',
  'passant', 'passant.q'
]

/** Ways to keep something on a device, or to tell one device from another. */
const FORBIDDEN =
  /cookie|sessionStorage|indexedDB|caches|openDatabase|serviceWorker|canvas|getContext|WebGL|AudioContext|fonts?\b|plugins|mimeTypes|userAgent|userAgentData|hardwareConcurrency|deviceMemory|languages?\b|platform|screen\b|colorDepth|devicePixelRatio|timezone|Intl|getTimezoneOffset|geolocation|getBattery|connection|mediaDevices|RTCPeerConnection|performance|crypto|window\.name|eval|Function\(|import\(|XMLHttpRequest|WebSocket|createElement|innerHTML|Image\(/i

/** Runs the script, uses all of it, and gives back each name that it touched and each body that it sent. */
function watch(values = {}) {
  const touched = new Set()
  const bodies = []
  const listeners = {}
  const watched = (name, target) =>
    new Proxy(target, {
      get(object, key) {
        if (typeof key === 'symbol') return object[key]
        const full = name ? name + '.' + key : key
        touched.add(full)
        return object[key]
      },
      set(object, key, value) {
        touched.add(name ? name + '.' + key : key)
        object[key] = value
        return true
      },
      deleteProperty(object, key) {
        touched.add(name + '.' + key)
        return delete object[key]
      },
      has: (object, key) => (touched.add(name ? name + '.' + key : key), key in object),
      ownKeys: () => assert.fail(`the names of ${name || 'the page'} were listed`)
    })
  const stored = { other: 'secret', ...values.stored }
  const session = {}
  const address = new URL('https://example.com/a?utm_source=x&secret=y#z')
  const page = {
    document: watched('document', {
      currentScript: watched('document.currentScript', {
        src: 'https://stats.example.com/js/passant.js',
        dataset: watched('document.currentScript.dataset', { domain: 'example.com' })
      }),
      referrer: 'https://search.example/',
      documentElement: watched('document.documentElement', { scrollHeight: 2000 }),
      hidden: false,
      cookie: ''
    }),
    location: watched('location', {
      get origin() { return address.origin },
      get hostname() { return address.hostname },
      get pathname() { return address.pathname },
      get search() { return address.search },
      get hash() { return address.hash },
      get href() { return address.href }
    }),
    navigator: watched('navigator', { webdriver: false, userAgent: 'secret', languages: ['xx'], ...values.navigator }),
    history: watched('history', { pushState: (_state, _title, url) => (address.href = new URL(url, address).href) }),
    localStorage: watched('localStorage', stored),
    sessionStorage: watched('sessionStorage', session),
    Date: watched('Date', { now: () => 1e6 + touched.size * 1e4 }),
    JSON: watched('JSON', JSON),
    Math: watched('Math', Math),
    URL,
    Request: class { get keepalive() { return false } },
    setTimeout() {},
    scrollY: 100,
    innerHeight: 500,
    addEventListener: (type, listener) => (listeners[type] = listener),
    fetch(_url, init) {
      bodies.push(init)
      return watched('fetch', { catch: (failed) => failed() })
    }
  }
  // A call of the page's own from before the script came.
  page.passant = watched('passant', Object.assign(() => {}, { q: [['Early']] }))
  const global = watched('', page)
  page.window = global
  // As the page's own scope: each free name of the script is asked of the proxy.
  const scope = new Proxy(page, {
    has: (_object, key) => (typeof key === 'string' && key !== 'undefined' && touched.add(key), true),
    get: (_object, key) => (key === Symbol.unscopables ? undefined : page[key]),
    set: (object, key, value) => ((object[key] = value), true)
  })
  vm.runInThisContext(`(function (scope) { with (scope) { ${SOURCE} } })`)(scope)
  page.passant('Signup', { p: { plan: 'gold' } })
  page.history.pushState(null, '', '/b')
  listeners.scroll()
  listeners.visibilitychange()
  listeners.pagehide()
  listeners.popstate()
  listeners.pageshow({ persisted: true })
  page.passant.optOut()
  page.passant('Silent')
  page.passant.optIn()
  return { touched: [...touched].filter((name) => name !== 'window').sort(), bodies, page, stored, session }
}

/** Names without those that are only the way to a longer one. */
const ends = (names) => names.filter((name) => !['Date', 'JSON', 'Math', 'document', 'history', 'localStorage', 'location', 'navigator'].includes(name))

test('the script touches nothing of the device but what is listed', () => {
  const { touched, bodies } = watch()
  assert.ok(bodies.length >= 4, 'it ran')
  assert.deepEqual(ends(touched).filter((name) => !ALLOWED.includes(name)), [])
})

test('what is listed is touched, so that the list is no longer than it must be', () => {
  const { touched } = watch()
  const local = watch({ navigator: { globalPrivacyControl: true } })
  const seen = new Set([...touched, ...local.touched])
  assert.deepEqual(ALLOWED.filter((name) => !seen.has(name) && name !== 'fetch.catch'), [])
})

test('nothing is written to the device but the objection', () => {
  const { page, stored, session } = watch()
  assert.deepEqual({ stored, session }, { stored: { other: 'secret' }, session: {} })
  page.passant.optOut()
  assert.deepEqual({ stored, session }, { stored: { other: 'secret', passant_optout: 'true' }, session: {} })
  assert.equal(page.document.cookie, '')
})

test('no cookie, credential or other header goes along', () => {
  for (const { credentials, headers, method } of watch().bodies) {
    assert.deepEqual({ credentials, headers, method }, { credentials: 'omit', headers: undefined, method: 'POST' })
  }
})

test('the text of the script names no storage, canvas, font, plugin or other mark of a device', () => {
  assert.equal(SOURCE.match(FORBIDDEN)?.[0], undefined)
})
