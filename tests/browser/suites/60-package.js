// The npm package: packed as it would be published, installed and bundled by Vite.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { build } from 'vite'
import { STATS, visitor } from '../harness.js'

const here = path.join(import.meta.dirname, '..')
const tracker = path.join(here, '../../tracker')

/** Packs the package and unpacks it where an install would; gives back that place. */
function installed() {
  const directory = mkdtempSync(path.join(tmpdir(), 'passant-package-'))
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory],
    { cwd: tracker, encoding: 'utf8' }))
  const place = path.join(directory, 'node_modules/@passant/tracker')
  mkdirSync(place, { recursive: true })
  execFileSync('tar', ['-xf', path.join(directory, filename), '-C', place, '--strip-components=1'])
  return { directory, place }
}

visitor('the package in a bundle', async ({ page, origin, serve, reports }) => {
  const { directory, place } = installed()
  try {
    const { output: [bundle] } = await build({
      root: path.join(here, 'fixtures/bundled'),
      configFile: false,
      logLevel: 'warn',
      resolve: { alias: { '@passant/tracker': path.join(place, 'lib/index.js') } },
      build: { write: false, rollupOptions: { input: path.join(here, 'fixtures/bundled/main.js') } }
    })
    assert.ok(!bundle.code.includes('Web Vitals'), 'what is not imported is not bundled')
    serve({
      '/': `<!doctype html><html data-api="${STATS}/api/event"><button id="signup">sign up</button>
        <button data-passant-event="Tagged">tagged</button> <script type="module" src="/main.js"></script>`,
      '/main.js': bundle.code
    })
    await page.goto(origin + '/')
    await page.click('text=sign up')
    await page.click('text=tagged')
    await page.evaluate(() => history.pushState({}, '', '/second'))
    await reports('events', 'event:name', { pageview: 2, Signup: 1, Tagged: 1 })
    await reports('pageviews', 'event:page', { '/': 1, '/second': 1 })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the package on a server counts nothing and asks for no page', () => {
  const { directory, place } = installed()
  try {
    const says = execFileSync('node', ['--input-type=module', '-e', `
      import { init, webVitals } from ${JSON.stringify(path.join(place, 'lib/index.js'))}
      const passant = init({ api: 'https://stats.example.com/api/event', modules: [webVitals] })
      console.log(passant('Signup'), typeof passant.optOut)`], { encoding: 'utf8' })
    assert.equal(says, 'undefined function\n')
    const { exports } = JSON.parse(readFileSync(path.join(place, 'package.json'), 'utf8'))
    assert.match(readFileSync(path.join(place, exports['.'].types), 'utf8'), /init/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
