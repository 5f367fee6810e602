// What the script touches of a device, watched in a real browser: each use of an interface that could keep something, or
// tell one device from another, is written down, and whatever docs/tracker.md does not name fails the test.
import assert from 'node:assert/strict'
import { html, tag, visitor } from '../harness.js'

/** What the core and its modules may use of what is watched. */
const DOCUMENTED = ['navigator.doNotTrack', 'navigator.webdriver', 'localStorage.passant_optout']

/** Runs before any script of a page: puts a recorder around each interface. */
function spy() {
  const touched = (window.touched = new Set())
  const watch = (prototype, name, only) => {
    if (!prototype) return
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (key === 'constructor' || !property.configurable || only && !only.includes(key)) continue
      const note = (inner) => function (...values) {
        touched.add(`${name}.${key}`)
        return inner.apply(this, values)
      }
      if (property.get) {
        Object.defineProperty(prototype, key, { ...property, get: note(property.get), set: property.set && note(property.set) })
      } else if (typeof property.value === 'function') {
        Object.defineProperty(prototype, key, { ...property, value: note(property.value) })
      }
    }
  }
  watch(Navigator.prototype, 'navigator')
  watch(Document.prototype, 'document', ['cookie', 'fonts', 'createElement', 'requestStorageAccess', 'write'])
  watch(Screen.prototype, 'screen')
  watch(HTMLCanvasElement.prototype, 'canvas')
  watch(FontFaceSet.prototype, 'fonts')
  watch(IDBFactory.prototype, 'indexedDB')
  watch(Intl, 'Intl')
  watch(Date.prototype, 'Date', ['getTimezoneOffset', 'toLocaleString', 'toString'])
  watch(window.AudioContext?.prototype, 'audio')
  watch(window.RTCPeerConnection?.prototype, 'RTCPeerConnection')
  watch(window, 'window', ['devicePixelRatio', 'screen', 'indexedDB', 'caches', 'name', 'cookieStore', 'matchMedia', 'outerWidth',
    'outerHeight', 'screenX', 'screenY', 'getComputedStyle', 'openDatabase', 'sessionStorage', 'speechSynthesis'])
  // Names of what is stored, not only that it was asked for.
  const stored = window.localStorage
  const proxy = new Proxy(stored, {
    get: (_target, key) => (touched.add(`localStorage.${String(key)}`), stored.getItem(key) ?? undefined),
    set: (_target, key, value) => (touched.add(`localStorage.${String(key)}`), stored.setItem(key, value), true),
    deleteProperty: (_target, key) => (touched.add(`localStorage.${String(key)}`), stored.removeItem(key), true),
    has: (_target, key) => (touched.add(`localStorage.${String(key)}`), true),
    ownKeys: () => (touched.add('localStorage: all names'), [])
  })
  Object.defineProperty(window, 'localStorage', { get: () => proxy })
}

const EVERYTHING = 'passant.hash.tagged-events.outbound-links.file-downloads.cloaked-links.forms.not-found.web-vitals'

for (const [name, script] of [['the core', 'passant'], ['every module', EVERYTHING]]) {
  visitor(`what ${name} touches of a device`, async ({ page, context, origin, domain, serve, reports }) => {
    serve({
      '/': html(tag(domain, script), `<p style="height: 3000px">long</p>
        <a href="/x.pdf" download>file</a> <a href="/go/on" onclick="event.preventDefault()">cloaked</a>
        <a href="http://beyond.test/" onclick="event.preventDefault()">away</a> <button data-passant-event="Tagged">tagged</button>
        <form onsubmit="return false"><button>send</button></form> <button onclick="passant('Own', { props: { a: 1 } })">own</button>`),
      '/x.pdf': 'file'
    })
    await page.addInitScript(spy)
    await page.goto(origin + '/')
    for (const text of ['file', 'cloaked', 'away', 'tagged', 'send', 'own']) await page.click(`text="${text}"`)
    await page.evaluate(() => { history.pushState({}, '', '/second'); location.hash = 'there' })
    await page.mouse.wheel(0, 1000)
    const other = await context.newPage()
    await other.bringToFront()
    await page.bringToFront()
    const touched = await page.evaluate(() => [...window.touched].sort())
    assert.deepEqual(touched.filter((use) => !DOCUMENTED.includes(use)), [])
    assert.deepEqual(DOCUMENTED.filter((use) => !touched.includes(use)), [], 'the list is no longer than it must be')
    assert.deepEqual(await context.cookies(origin), [])
    const kept = await page.evaluate(async () => ({
      cookie: document.cookie, local: { ...localStorage }, session: { ...sessionStorage }, databases: await indexedDB.databases()
    }))
    assert.deepEqual(kept, { cookie: '', local: {}, session: {}, databases: [] })
    await reports('visitors', undefined, { all: 1 })
  })
}
