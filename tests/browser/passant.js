// A real server on a data directory of its own: started once, with a site for each test, and asked what it reports.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'

const TARGET = process.env.CARGO_TARGET_DIR || path.join(import.meta.dirname, '../../target')
const BINARY = path.join(TARGET, 'release/passant')

/** How long something that has to come may take, in milliseconds: two cores may be busy with more than this. */
const PATIENCE = 20_000

/** Where it is neither nearly midnight nor just past it: a visitor of two days is two. */
const ZONE = [22, 23, 0].includes(new Date().getUTCHours()) ? 'Asia/Tokyo' : 'Etc/UTC'

/** Calls until what comes back passes `enough`, and gives back the last of it. */
export async function until(ask, enough, patience = PATIENCE) {
  const end = Date.now() + patience
  for (;;) {
    const answer = await ask()
    if (enough(answer) || Date.now() > end) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export class Passant {
  #directory = mkdtempSync(path.join(tmpdir(), 'passant-browser-'))
  #log = []
  #child
  #token

  /**
   * Starts a server, with more lines of configuration and more arguments; on any free port, or on one that its
   * configuration names.
   */
  static async start(config = '', port = 0, more = []) {
    assert.ok(existsSync(BINARY), `${BINARY} is not there: run \`make build\``)
    const passant = new Passant()
    writeFileSync(passant.#file('passant.toml'), `[serve]\nlog_format = "json"\n${config}`)
    passant.#token = passant.cli('token', 'create', '--scope', 'stats:read')
    await passant.#run(port, more)
    return passant
  }

  async #run(port, more) {
    const args = ['serve', '--listen', `127.0.0.1:${port}`, '--admin-listen', '127.0.0.1:0', ...more, ...this.#place()]
    this.#child = spawn(BINARY, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    process.once('exit', () => this.#child.kill('SIGKILL'))
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#log.push(line))
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    const listening = () => this.#log.map((line) => JSON.parse(line).fields ?? {}).find((fields) => fields.public)
    const found = await until(listening, (found) => found || this.#child.exitCode !== null)
    assert.ok(found, `passant does not listen:\n${this.#log.join('\n')}`)
    this.port = Number(found.public.split(':').pop())
    this.ended = ended
  }

  /** Runs a command on its data, and gives back what that prints. */
  cli(...args) {
    return execFileSync(BINARY, [...args, ...this.#place()], { encoding: 'utf8' }).trim()
  }

  /** Adds a site with settings, and waits until the server knows it; what few visitors do is shown. */
  async site(domain, ...settings) {
    this.cli('site', 'add', domain, '--timezone', ZONE, '--privacy-floor', '1', ...settings)
    // Of nobody's visit: discarded, and the reason tells whether the site is known.
    const probe = { method: 'POST', body: JSON.stringify({ n: 'engagement', u: `http://${domain}/`, d: domain, e: 1 }) }
    const known = (reason) => reason !== 'unknown_site'
    const ask = async () => (await fetch(`http://127.0.0.1:${this.port}/api/event`, probe)).headers.get('x-passant-discarded')
    assert.ok(known(await until(ask, known)), domain)
  }

  /** The rows of a report as `{ dimension: metric }` without those of 0, or as lists of metrics where several are asked for. */
  async report(domain, metrics, dimension, more = {}) {
    const answer = await fetch(`http://127.0.0.1:${this.port}/api/v2/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({
        site_id: domain,
        date_range: 'day',
        metrics: [metrics].flat(),
        dimensions: dimension ? [dimension] : [],
        ...more
      })
    })
    const text = await answer.text()
    // The store is a moment behind a server that has just begun to listen.
    if (answer.status === 503) return {}
    assert.equal(answer.status, 200, text)
    const rows = JSON.parse(text).results.filter(({ metrics: [only] }) => Array.isArray(metrics) || only !== 0)
    return Object.fromEntries(rows.map((row) =>
      [dimension ? row.dimensions[0] : 'all', Array.isArray(metrics) ? row.metrics : row.metrics[0]]))
  }

  /** Asks for a report until it is what is expected; fails with the difference if it does not become that. */
  async reports(domain, metrics, dimension, expected, more) {
    const same = (rows) => isDeepStrictEqual(rows, expected)
    assert.deepEqual(await until(() => this.report(domain, metrics, dimension, more), same), expected)
  }

  async stop() {
    this.#child.kill('SIGTERM')
    await this.ended
    rmSync(this.#directory, { recursive: true, maxRetries: 10, retryDelay: 100 })
  }

  #file(name) {
    return path.join(this.#directory, name)
  }

  #place() {
    return ['--data-dir', this.#file('data'), '--config', this.#file('passant.toml')]
  }
}
