// What suites are written with: `visitor` makes a site with its pages, and hands over a browser to look at them.
// Importing this starts one server and one browser for all suites.
import { test } from 'node:test'
import { Browser, html, Pages } from './browser.js'
import { Passant } from './passant.js'

export { file, html, launchDriven, USER_AGENT } from './browser.js'
export { until } from './passant.js'

export const passant = await Passant.start('[tracker]\nscript_path = "/lib/reader.js"\nevent_path = "/lib/note"\n')
export const pages = await Pages.start()
const browser = await Browser.start()

/** Where the server is, as pages name it: a host that is not theirs. */
export const STATS = `http://stats.test:${passant.port}`

/** The tag of the website script. */
export const tag = (domain, name = 'passant', attributes = '') =>
  `<script defer data-domain="${domain}" src="${STATS}/js/${name}.js" ${attributes}></script>`

/**
 * A test with a site of its own. It is handed the site's `domain` and `origin`, `serve` to add pages to it, a `page` that
 * is open and the `context` of all pages, `report` to ask and `reports` to say what is to be reported.
 */
export function visitor(name, run) {
  test(name, { timeout: 90_000 }, async () => {
    const domain = `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 50).replace(/-$/, '')}.test`
    await passant.site(domain)
    const served = {}
    const origin = pages.host(domain, served)
    const { context } = browser
    const page = await context.newPage()
    try {
      await run({
        domain,
        origin,
        context,
        page,
        serve: (more) => Object.assign(served, more),
        /** A page with the script in its head. */
        counted: (body, ...script) => html(tag(domain, ...script), body),
        report: (...question) => passant.report(domain, ...question),
        reports: (...expected) => passant.reports(domain, ...expected)
      })
    } finally {
      for (const left of context.pages()) await left.close()
    }
  })
}

/** Waits until the scripts of the page that a click led to have run: a click needs no more than that there is a page. */
export const counts = (page) => page.waitForLoadState('domcontentloaded')

// Who ends the tests ends what they have started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

/** Ends what was started, each part whatever becomes of the others: what is left running would keep this process. */
export async function stop() {
  const ends = await Promise.allSettled([browser.stop(), pages.stop(), passant.stop()])
  const failed = ends.find(({ status }) => status === 'rejected')
  if (failed) throw failed.reason
}
