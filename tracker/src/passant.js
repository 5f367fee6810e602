/*
 * Passant's website script. It counts page views, how long a page was seen and how far it was scrolled, and what the
 * page itself reports. No cookie, no id, nothing read from the device beyond what stands below; what is sent, field by
 * field, is in README.md.
 */
(() => {
  const { src, dataset: data } = document.currentScript
  const q = window.passant?.q
  // The open page: its path and address, when it was last shown (0 while hidden), the time and the depth that it was
  // seen, and the depth that was told.
  let path, page, shown, seen, depth, told
  // The page without what its query may tell of a person. That there was a click id counts, its value does not.
  const address = () => location.origin + location.pathname + (
    location.search.match(/[?&](utm_\w+|source|ref|(g|fb|tw)clid|msclkid|[gw]braid)=[^&]+/g) || []
  ).join('').replace(/^./, '?').replace(/id=[^&]+/g, 'id=1')
  const send = (n, u, more) => {
    // Asked before each beacon, so that an objection counts at once.
    try {
      if (localStorage.passant_optout == 'true') return
    } catch {
      // The visitor has forbidden storage: there is no objection in it.
    }
    if (navigator.globalPrivacyControl || navigator.doNotTrack == 1 ||
      data.allowLocal == null && (navigator.webdriver || /^(127\.|\[::1|localhost$|$)/.test(location.hostname))) return
    // A body that is text goes out as text/plain, which needs no preflight.
    fetch(data.api || new URL('/api/event', src), {
      method: 'POST',
      body: JSON.stringify({ ...more, n, u, d: data.domain }),
      keepalive: true,
      credentials: 'omit'
    }).catch(() => {})
  }
  const look = () =>
    depth = Math.max(depth, (scrollY + innerHeight) / document.documentElement.scrollHeight * 100 | 0)
  const engage = () => {
    if (shown) seen += Date.now() - shown
    shown = 0
    if (seen >= 3e3 || depth > told) {
      send('engagement', page, { e: seen, sd: told = depth })
      seen = 0
    }
  }
  const turn = () => document.hidden ? engage() : shown ||= Date.now()
  const open = () => {
    // A new query or fragment is the same page.
    if (path == (path = location.pathname)) return
    engage()
    // Within a site that never loads a page, the one before is the referrer.
    send('pageview', address(), { r: page || document.referrer })
    page = address()
    shown = seen = depth = told = 0
    turn()
    look()
  }
  // The server knows props, revenue and interactive by these names too.
  window.passant = (n, more) => send(n, address(), more)
  passant.optOut = () => localStorage.passant_optout = true
  passant.optIn = () => delete localStorage.passant_optout
  const push = history.pushState
  history.pushState = (...state) => open(push.apply(history, state))
  addEventListener('popstate', open)
  addEventListener('scroll', look)
  addEventListener('pagehide', engage)
  addEventListener('visibilitychange', turn)
  // When the browser's cache brings the page back, it is seen anew.
  addEventListener('pageshow', (e) => e.persisted && open(path = 0))
  open()
  q?.map((call) => passant(...call))
})()
