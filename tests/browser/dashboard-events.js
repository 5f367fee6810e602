// The events of the sites that the dashboard is looked at with: made by counting, so that each run has the same.

const DAY_MS = 86_400_000
const SOURCES = [['Google', 'Organic Search', 'google.com'], ['', 'Direct', ''], ['Reddit', 'Organic Social', 'reddit.com'], ['news.test', 'Referral', 'news.test']]
const COUNTRIES = ['DE', 'FR', 'US', 'GB', 'BR', 'JP', 'IN', 'AU', 'ZA']
const BROWSERS = [['Chrome', '142', 'Windows', '11', 'Desktop'], ['Safari', '18.1', 'iOS', '18', 'Mobile'], ['Firefox', '140', 'Linux', '', 'Laptop'], ['Opera', '120', 'macOS', '15', 'Desktop']]
const RARE_BROWSERS = [['Vivaldi', '7', 'Linux', '', 'Desktop'], ['Epiphany', '48', 'Linux', '', 'Desktop']]
const LANGUAGES = ['de', 'en-gb', 'fr', 'pt-br']

/** What somebody may send who wants to run something in the analyst's browser. */
export const HOSTILE = [
  '<img src=x onerror=ran=1>',
  '"><script>window.ran=2</script>',
  "'-ran=3-'",
  'javascript:ran=4',
  '<svg/onload=ran=5>',
  '{@html "<b onclick=ran=6>"}',
  '</script><script>ran=7//',
  '<a href="javascript:ran=8">x</a>',
  '\u202e<iframe srcdoc=x>\u2066'
]

const time = (milliseconds) => new Date(milliseconds).toISOString().replace(/\.\d+/, '')

/** Some 60 days of a shop with 73 pages, with a few visitors of this minute. */
export function shopEvents(now) {
  const events = []
  let seed = 7
  // Mulberry32: small, and its low bits are as good as its high ones.
  const next = (below) => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
  const visit = (visitor, at, paths) => {
    const [source, channel, referrer] = SOURCES[Math.min(next(7), 3)]
    // Two browsers are so rare that filters fold them.
    const rare = next(60)
    const [browser, browser_version, os, os_version, device] = RARE_BROWSERS[rare] ?? BROWSERS[Math.min(next(6), 3)]
    const who = { visitor, source, channel, referrer, browser, browser_version, os, os_version, device, country: COUNTRIES[Math.min(next(12), next(9))], language: LANGUAGES[next(4)], hostname: 'shop.test' }
    for (const [index, pathname] of paths.entries()) {
      events.push({ ...who, timestamp: time(at + index * 40_000), name: 'pageview', pathname })
    }
    if (paths.includes('/pricing') && next(3) === 0) {
      events.push({ ...who, timestamp: time(at + paths.length * 40_000), name: 'Purchase', pathname: '/pricing', props: { plan: next(3) === 0 ? 'small' : 'large' }, revenue: { amount: '19.90', currency: 'EUR' } })
    }
  }
  for (let day = 60; day >= 1; day -= 1) {
    for (let person = 0; person < 20 + (day % 7) * 3; person += 1) {
      const at = now - day * DAY_MS - next(40_000) * 1000
      const pages = ['/', '/pricing', `/article-${next(70)}`, '/about'].filter(() => next(5) > 1)
      visit(`${day}-${person}`, at, pages.length > 0 ? pages : ['/'])
    }
  }
  // How fast the page was for forty of them: for half of them well enough.
  for (let person = 0; person < 40; person += 1) {
    const rating = ['good', 'good', 'needs-improvement', 'poor'][person % 4]
    const at = now - 3 * DAY_MS - person * 60_000
    const who = { visitor: `fast-${person}`, pathname: person < 20 ? '/' : '/docs', hostname: 'shop.test', country: 'DE', browser: 'Chrome', device: 'Desktop' }
    events.push({ ...who, timestamp: time(at), name: 'pageview' })
    events.push({ ...who, timestamp: time(at + 9_000), name: 'Web Vitals', props: { lcp: rating, cls: 'good' } })
  }
  for (let person = 0; person < 6; person += 1) visit(`now-${person}`, now - 60_000 - person * 5_000, ['/now'])
  return events.sort((one, other) => one.timestamp.localeCompare(other.timestamp))
}

/** Each hostile text in every field that a visitor can fill. */
export function hostileEvents(now) {
  return HOSTILE.flatMap((text, index) =>
    Array.from({ length: 6 }, (_, person) => {
      const at = now - DAY_MS - index * 600_000 + person * 1000
      const who = {
        visitor: `${index}-${person}`, hostname: text, pathname: `/${text}`, referrer: text, source: text, channel: text,
        utm_source: text, utm_medium: text, utm_campaign: text, utm_content: text, utm_term: text, language: text,
        browser: text, browser_version: text, os: text, os_version: text, country: 'DE', device: 'Desktop'
      }
      return [
        { ...who, timestamp: time(at), name: 'pageview' },
        { ...who, timestamp: time(at + 1000), name: `e${index} ${text}`, props: { note: text } },
        // Of this minute, for the live view.
        ...(person === 0 ? [{ ...who, visitor: `${index}-now`, timestamp: time(now - 30_000), name: 'pageview' }] : [])
      ]
    }).flat()
  ).sort((one, other) => one.timestamp.localeCompare(other.timestamp))
}
