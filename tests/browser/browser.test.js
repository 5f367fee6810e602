// Each suite acts as a person would, in a real browser, and looks at what a report of a real server says.
// One server and one browser for all of them; a site and a browser profile for each test.
import { readdirSync } from 'node:fs'
import { after } from 'node:test'
import { stop } from './harness.js'

for (const name of readdirSync(new URL('suites', import.meta.url)).sort()) {
  await import(`./suites/${name}`)
}

after(stop)
