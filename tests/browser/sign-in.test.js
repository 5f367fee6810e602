// Signing in by a provider as a person does it: from the dashboard to the provider's page and back.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { launchDriven } from './browser.js'
import { Passant } from './passant.js'

const PATIENCE_MS = 120_000

/** The provider sends people back to an address that both have to know before they start. */
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})
// Another host than the provider's, so that the way back is one from another site.
const origin = `http://localhost:${port}`
const options = JSON.stringify({ redirect_uri: `${origin}/api/sign-in/oidc` })
const provider = spawn(process.execPath, [path.join(import.meta.dirname, '../clients/provider.mjs'), options], {
  stdio: ['pipe', 'pipe', 'ignore']
})
const [said] = await new Promise((resolve) => createInterface({ input: provider.stdout }).once('line', (line) => resolve([line])))
const { issuer } = JSON.parse(said)
const passant = await Passant.start(`
[accounts]
base_url = "${origin}"
[oidc]
issuer = "${issuer}"
client_id = "passant"
client_secret = "a secret that is shared & kept"
label = "Example ID"
unknown_people = "make"
allowed_domains = ["example.com"]
roles = [{ role = "viewer" }]
`, port)
const browser = await launchDriven()
after(async () => {
  await browser.close()
  await passant.stop()
  provider.stdin.end()
})

/** Goes from the dashboard to the provider, says there who somebody is, and comes back. */
async function signIn(page, claims) {
  await page.getByRole('button', { name: 'Sign in with Example ID' }).click()
  await page.waitForURL(`${issuer}/**`)
  await page.getByLabel('Name').fill('1815')
  await page.getByLabel('Known of you').fill(JSON.stringify(claims))
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.waitForURL(`${origin}/**`)
}

test('a person signs in by the provider, sees what they looked for, and signs out', { timeout: PATIENCE_MS }, async () => {
  await passant.site('example.test')
  await passant.site('other.test')
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  const wrong = []
  page.on('pageerror', (error) => wrong.push(error.message))
  await page.goto(`${origin}/?site=other.test&range=7d`)
  await page.getByRole('button', { name: 'Sign in with Example ID' }).waitFor()

  // Of a domain that may not: the way back leads to where they can try again, and says why.
  await signIn(page, { email: 'eve@evil.example', email_verified: true })
  await page.getByText('Addresses of your domain may not sign in here.').waitFor()
  assert.equal(new URL(page.url()).hash, '')
  assert.deepEqual((await context.cookies(origin)).filter(({ value }) => value), [])

  // The provider remembers who was there.
  await context.clearCookies({ domain: '127.0.0.1' })
  await signIn(page, { email: 'ada@example.com', email_verified: true, name: 'Ada' })
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  const asked = new URL(page.url())
  assert.deepEqual([asked.pathname, asked.searchParams.get('site'), asked.searchParams.get('range')], ['/', 'other.test', '7d'])
  const cookies = (await context.cookies(origin)).filter(({ value }) => value)
  assert.deepEqual(cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]),
    [['__Host-passant', true, true, 'Strict']])

  // A copy of the address that led back is worth nothing, neither here nor in another browser.
  const stranger = await (await browser.newContext()).newPage()
  await stranger.goto(`${origin}/api/sign-in/oidc?code=abc&state=${'0'.repeat(64)}`)
  await stranger.getByText('began in another browser').waitFor()
  await stranger.context().close()

  await page.getByRole('button', { name: /sign out/i }).click()
  await page.getByRole('button', { name: 'Sign in with Example ID' }).waitFor()
  assert.deepEqual((await context.cookies(origin)).filter(({ value }) => value), [])
  assert.deepEqual(wrong, [])
  await context.close()
})
