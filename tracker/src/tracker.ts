/*
 * Counts page views, how long a page was seen and how far it was scrolled, and what the page itself reports.
 *
 * Nothing is kept on the device but the objection of a visitor who asked for it, and nothing is read of it but what
 * docs/tracker.md lists. Nothing of the page is touched before `start`.
 */

/** What is known of an event besides its name. */
export interface Details {
  /** Words of the site's own, such as `{ plan: 'plus' }`. */
  props?: Record<string, unknown> | undefined
  /** Money that the event brought; the currency is three letters of ISO 4217. */
  revenue?: { amount: number | string; currency: string } | undefined
  /** Whether the event ends a bounce, which it does unless this is `false`. */
  interactive?: boolean | undefined
  /** Address to count the event at, instead of the page's own. */
  u?: string | undefined
}

/** What is sent; docs/tracker.md says it field by field. */
export interface Beacon extends Details {
  n: string
  u: string
  d: string | undefined
  [field: string]: unknown
}

/** How a site is counted. */
export interface Options {
  /** The site as it was added, or several with commas between them; the page's host without it. */
  domain?: string | undefined
  /** Where beacons go. */
  api: string | URL
  /** The fragment tells the page, as in `/#/about`. */
  hash?: boolean | undefined
  /** No page view is sent but by `passant('pageview')`. */
  manual?: boolean | undefined
  /** Also count on localhost and in browsers that a program drives. */
  allowLocal?: boolean | undefined
  /** Sees each beacon before it is sent, and gives back what is to be sent; nothing is, if that is nothing. */
  before?: ((beacon: Beacon) => Beacon | null | undefined | void) | undefined
}

/** Reports an event; the promise ends when it was sent. */
export interface Passant {
  (name: string, details?: Details): Promise<Response | void> | undefined
  /** Counts this visitor no longer, here and on later visits: a flag in local storage says so. */
  optOut(): void
  /** Takes that back. */
  optIn(): void
  /** The event of the page that was reported last, so that of several modules one reports a click. */
  last?: Event
}

/** A call of `passant` from before there was one. */
export type Call = [name: string, details?: Details | undefined]

/** Begins to count the page that is open. */
export const start = (options: Options, queue: Call[] = []): Passant => {
  // Tells the beacons of this page load from all others, so that the server counts one that comes twice once.
  const load = Math.random().toString(36).slice(2)
  let count = 0
  // Where the visitor is, the address that was reported for it, and since when it is seen (0 while hidden).
  let place: string | undefined
  let page: string | undefined
  let shown = 0
  // Milliseconds in view that were not told yet, the lowest point of the page that was in view, the depth that was told.
  let seen = 0
  let lowest = 0
  let told = 0
  let begun: boolean | undefined

  // A fragment that tells the page may have a query of its own.
  const path = () => location.pathname + (options.hash ? location.hash.split('?')[0] : '')

  // The page without what its query may tell of a person. That there was a click id counts, its value does not.
  const address = () => location.origin + location.pathname + (
    location.search.match(/[?&](utm_\w+|source|ref|(g|fb|tw)clid|msclkid|[gw]braid)=[^&]+/g) || []
  ).join('').replace(/^./, '?').replace(/id=[^&]+/g, 'id=1') + path().slice(location.pathname.length)

  // Asked before each beacon, so that an objection counts at once.
  const silent = () => {
    try {
      if (localStorage.passant_optout == 'true') return true
    } catch {
      // The visitor has forbidden storage: there is no objection in it.
    }
    return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack == '1' ||
      !options.allowLocal && (navigator.webdriver || /^127\.|^\[::1|localhost$|^$/.test(location.hostname))
  }

  const send = (n: string, u: string, more?: object) => {
    if (silent()) return
    let beacon: Beacon | null | undefined | void =
      { ...more, n, u, d: options.domain, h: options.hash ? 1 : undefined, k: load + '.' + count++ }
    if (options.before && !(beacon = options.before(beacon))) return
    const body = JSON.stringify(beacon)
    // A body that is text goes out as text/plain, which needs no preflight. One that did not arrive is sent once more,
    // and not to outlive the page: of those only so much may be on the way at a time.
    const post = (keepalive?: boolean): Promise<Response | void> =>
      fetch(options.api, { method: 'POST', body, keepalive: !!keepalive, credentials: 'omit' })
        .catch(() => { if (keepalive) setTimeout(post, 1e3) })
    // `sendBeacon` cannot leave the cookies of a proxying site at home, so it is for those who have nothing else.
    if ('keepalive' in Request.prototype) return post(true)
    navigator.sendBeacon(options.api, body)
  }

  const look = () => lowest = Math.max(lowest, scrollY + innerHeight)

  const engage = () => {
    if (!page) return
    if (shown) seen += Date.now() - shown
    shown = 0
    look()
    // Measured now, since a page may have grown while it was loaded.
    const depth = Math.min(100, lowest / document.documentElement.scrollHeight * 100 | 0)
    if (seen >= 3e3 || depth > told) {
      send('engagement', page, { e: seen, sd: told = Math.max(told, depth) })
      seen = 0
    }
  }

  const view = (more?: Details) => {
    engage()
    // Within a site that never loads a page, the one before is the referrer.
    const r = page || document.referrer.split('?')[0]
    place = path()
    seen = lowest = told = 0
    shown = document.hidden ? 0 : Date.now()
    return send('pageview', page = more?.u || address(), { ...more, r })
  }

  // A new query is the same page, and so is a new fragment if it does not tell the page.
  const turn = () => { if (begun && !options.manual && place != path()) view() }

  const report = (...[name, details]: Call) =>
    name == 'pageview' ? view(details) : send(name, details?.u || address(), details)

  const show = () => {
    if (document.hidden) return engage()
    shown ||= Date.now()
    // A page that was opened in the background, or ahead of a click that may never come, begins when it is seen.
    if (!begun) {
      begun = true
      turn()
      queue.map((call) => report(...call))
    }
  }

  const passant: Passant = (...call) => begun ? report(...call) : void queue.push(call)
  passant.optOut = () => localStorage.passant_optout = 'true'
  passant.optIn = () => delete localStorage.passant_optout

  const push = history.pushState
  history.pushState = (...state) => {
    push.apply(history, state)
    turn()
  }
  addEventListener('popstate', turn)
  addEventListener('hashchange', turn)
  addEventListener('scroll', look)
  addEventListener('pagehide', engage)
  addEventListener('visibilitychange', show)
  // When the browser's cache brings the page back, it is seen anew.
  addEventListener('pageshow', (event) => {
    if (event.persisted) {
      place = ''
      turn()
    }
  })
  show()
  return passant
}
