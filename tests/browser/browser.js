// Debian's Chromium as a person would have it, and pages on hosts of their own that it finds on this machine.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium'

/** What it says it is; its own name for itself without a window is a bot's. */
export const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36'

const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  // Every name is this machine, so pages have hosts like any other and no name is looked up.
  '--host-resolver-rules=MAP * 127.0.0.1'
]

/** One that a program drives, and says so to pages. */
export const launchDriven = () => chromium.launch({ executablePath: EXECUTABLE, args: ARGS })

/** One as a person has it: nothing is emulated, so that a tab behind another is hidden and a page may be cached. */
export class Browser {
  #profile = mkdtempSync(path.join(tmpdir(), 'passant-chromium-'))
  #process

  static async start() {
    const browser = new Browser()
    const args = [
      ...ARGS, '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${browser.#profile}`,
      `--user-agent=${USER_AGENT}`, '--disable-blink-features=AutomationControlled', 'about:blank'
    ]
    browser.#process = spawn(EXECUTABLE, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    process.once('exit', () => browser.#process.kill('SIGKILL'))
    const lines = createInterface({ input: browser.#process.stderr })
    const address = await new Promise((resolve, reject) => {
      lines.on('line', (line) => line.startsWith('DevTools listening on ') && resolve(line.split(' ').pop()))
      browser.#process.once('error', reject)
      browser.#process.once('exit', () => reject(new Error(`${EXECUTABLE} ended at once`)))
    })
    // Else each page would be told that it is seen, whatever tab is in front.
    browser.connection = await chromium.connectOverCDP(address, { noDefaults: true })
    browser.context = browser.connection.contexts()[0]
    return browser
  }

  async stop() {
    await this.connection.close()
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill()
    await ended
    rmSync(this.#profile, { recursive: true, maxRetries: 10, retryDelay: 100 })
  }
}

/** A web server for pages: each host has its own, by path. A page is its text, or a handler. */
export class Pages {
  #hosts = new Map()

  static async start() {
    const pages = new Pages()
    pages.server = createServer((request, response) => pages.#answer(request, response))
    await new Promise((resolve) => pages.server.listen(0, '127.0.0.1', resolve))
    pages.port = pages.server.address().port
    return pages
  }

  /** Adds a host; gives back its origin. */
  host(name, pages) {
    this.#hosts.set(name, pages)
    return `http://${name}:${this.port}`
  }

  #answer(request, response) {
    const { pathname } = new URL(request.url, 'http://any')
    const page = this.#hosts.get(request.headers.host.split(':')[0])?.[pathname]
    if (typeof page === 'function') return page(request, response)
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': TYPES[path.extname(pathname)] ?? 'text/html' })
    response.end(page ?? 'not here')
  }

  stop() {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }
}

const TYPES = { '.js': 'text/javascript', '.pdf': 'application/pdf', '.png': 'image/png' }

/** A document. */
export const html = (head, body = '') => `<!doctype html><meta charset="utf-8"><title>a page</title>${head}<body>${body}`

/** A file of this directory. */
export const file = (name) => readFileSync(path.join(import.meta.dirname, name), 'utf8')
