// The settings as people meet them: a real browser, a real server, and every page of them.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import jsqr from 'jsqr'
import { launchDriven } from './browser.js'
import { HOSTILE, shopEvents } from './dashboard-events.js'
import { Passant } from './passant.js'

const SHOP = 'shop.test'
const HOSTILE_SITE = 'hostile.test'
const EDITED = 'edited.test'
const OWNER = { email: 'ada@example.com', password: 'ten letters' }
const SCREENSHOTS = path.join(import.meta.dirname, '../../target/screenshots')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Far more than any test takes, on a machine that does other things, too. */
const PATIENCE_MS = 240_000
const PAGES = ['site', 'script', 'goals', 'funnels', 'segments', 'annotations', 'sharing', 'members', 'tokens', 'account', 'sites', 'people', 'all-tokens']
const DESKTOP = { viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/London' }

const passant = await Passant.start()
const origin = `http://127.0.0.1:${passant.port}`
const browser = await launchDriven()

before(async () => {
  for (const site of [SHOP, HOSTILE_SITE, EDITED]) passant.cli('site', 'add', site, '--timezone', 'Europe/Berlin')
  const setup = new URL(passant.cli('user', 'setup-link'))
  const context = await browser.newContext(DESKTOP)
  const page = await context.newPage()
  await page.goto(`${origin}/setup${setup.hash}`)
  await page.fill('#name', 'Ada')
  await page.fill('#email', OWNER.email)
  await page.fill('#password', OWNER.password)
  await page.click('.sign-in button')
  await page.locator('.bar nav a').waitFor()
  await context.close()
})
after(async () => {
  await browser.close()
  await passant.stop()
})

async function signIn(page, { email, password }, code) {
  await page.goto(`${origin}/`)
  await page.fill('#email', email)
  await page.fill('#password', password)
  await page.click('.sign-in button')
  if (code) {
    await page.fill('#code', code())
    await page.click('.sign-in button')
  }
  await page.locator('.bar nav a').waitFor()
}

async function signOut(page) {
  await page.click('text=Sign out')
  await page.locator('#email').waitFor()
}

/** Opens a page of settings by its address. */
async function open(page, settings, site = SHOP) {
  await page.goto(`${origin}/?site=${site}&settings=${settings}`)
  await settled(page)
}

/** Waits until a page shows what it asked for. */
async function settled(page) {
  await page.locator('.pane h2').waitFor()
  await page.waitForFunction(() => document.querySelectorAll('[aria-busy=true]').length === 0)
}

/**
 * A test with a profile of its own, in which the owner has signed in. Whatever the test is about, nothing may be asked
 * of another origin, refused by the policy of the page, or thrown; but for what is `expected`.
 */
function settings(name, options, run, expected = []) {
  test(name, { timeout: PATIENCE_MS }, async () => {
    const context = await browser.newContext({ ...DESKTOP, ...options })
    const page = await context.newPage()
    const wrong = []
    // What the server refuses is what the test is about; its words are looked at on the page.
    page.on('console', (message) => message.type() === 'error' && !/status of 40[0134]/.test(message.text()) && wrong.push(message.text()))
    page.on('pageerror', (error) => wrong.push(error.message))
    page.on('dialog', (dialog) => wrong.push(`a dialog: ${dialog.message()}`) && dialog.dismiss())
    page.on('request', (request) => request.url().startsWith(origin) || wrong.push(`asked ${request.url()}`))
    try {
      await signIn(page, OWNER)
      await run(page, context)
      assert.deepEqual(wrong.filter((words) => !expected.some((one) => one.test(words))), [])
    } finally {
      await context.close()
    }
  })
}

/** What the API answers to the page's session: its status, and its body. */
const asked = (page, method, address, body) => page.evaluate(async ([method, address, body]) => {
  const request = { method, headers: { 'content-type': 'application/json' } }
  if (body) request.body = JSON.stringify(body)
  const answer = await fetch(address, request)
  return { status: answer.status, body: await answer.json().catch(() => null) }
}, [method, address, body])

const definitions = async (page, kind, site = SHOP) => (await asked(page, 'GET', `/api/v1/sites/${kind}?site_id=${site}`)).body[kind.replace('-', '_')]

const card = (page, title) => page.locator(`section.card:has(h3:text-is("${title}"))`)
const done = (page, words) => page.locator('.done', { hasText: words }).waitFor()
const row = (page, name) => page.locator('.listed tbody tr', { hasText: name })

/** The error by a field, which is tied to it and has the focus. */
async function fault(page, name) {
  const field = page.locator(`[name="${name}"]`)
  await page.locator(`[name="${name}"][aria-invalid=true]`).waitFor()
  const [described] = (await field.getAttribute('aria-describedby')).split(' ').filter((id) => id.endsWith('-fault'))
  assert.equal(await page.evaluate(() => document.activeElement.name), name)
  return page.locator(`[id="${described}"]`).innerText()
}

/** Removes what stands in a row, and gives back what was said to go away. */
async function remove(page, name, action = 'Remove') {
  await row(page, name).locator(`.acts button:has-text("${action}")`).last().click()
  const words = await page.locator('dialog .fields > p').first().innerText()
  await page.click('dialog button[type=submit]')
  return words
}

async function accessible(page, what) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(' | ')}`)
  assert.deepEqual(told, [], what)
}

/** What a device shows: RFC 6238 with the secret in base 32. */
function deviceCode(secret, milliseconds = Date.now()) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(milliseconds / 30_000)))
  const hash = createHmac('sha1', key).update(counter).digest()
  const at = hash[19] & 15
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

// ---- a site -------------------------------------------------------------------------------------------------------

/** What each setting of the general page is set to. */
const SET = {
  timezone: 'America/New_York',
  currency: 'EUR',
  privacy_floor: '7',
  retention_months: '36',
  referrer: 'page',
  hostnames: 'shop.test\n*.shop.test',
  blocked_pages: '/admin/*\n/draft',
  blocked_addresses: '198.51.100.7\n2001:db8::/48',
  blocked_countries: 'NL\nXK',
  umami_website_ids: 'b59e9c65-ae32-47f1-8400-119fcf4861c4',
  matomo_site_ids: '3\n4',
  goatcounter_hosts: 'counter.shop.test'
}
/** Settings that stand on pages of their own. */
const ELSEWHERE = ['script_options', 'visibility']

settings('an owner sets each setting, and sees it by the API and after a reload', {}, async (page) => {
  await open(page, 'site')
  const { body: before } = await asked(page, 'GET', `/api/v1/sites/${SHOP}`)
  assert.deepEqual(Object.keys(before.settings).sort(), [...Object.keys(SET), ...ELSEWHERE].sort(), 'a setting without a test')
  for (const [name, value] of Object.entries(SET)) {
    const field = page.locator(`[name="${name}"]`)
    if (await field.evaluate((one) => one.tagName === 'SELECT')) await field.selectOption(value)
    else await field.fill(value)
  }
  for (const title of ['Days and money', 'Privacy', 'What is counted', 'Clients of other tools']) {
    await card(page, title).locator('button[type=submit]').click()
    await card(page, title).locator('.done', { hasText: 'Saved' }).waitFor()
  }
  const { body: site } = await asked(page, 'GET', `/api/v1/sites/${SHOP}`)
  for (const [name, value] of Object.entries(SET)) assert.equal(site.settings[name], value.replaceAll('\n', ','), name)
  await page.reload()
  await settled(page)
  for (const [name, value] of Object.entries(SET)) assert.equal(await page.locator(`[name="${name}"]`).inputValue(), value, name)

  await page.fill('[name=timezone]', 'Mars/Olympus')
  await page.fill('[name=currency]', 'USD')
  await card(page, 'Days and money').locator('button[type=submit]').click()
  assert.match(await fault(page, 'timezone'), /"Mars\/Olympus" is not a time zone, expected one like/)
  const { body: kept } = await asked(page, 'GET', `/api/v1/sites/${SHOP}`)
  assert.deepEqual([kept.timezone, kept.settings.currency], ['America/New_York', 'USD'])
  await page.fill('[name=timezone]', 'Europe/Berlin')
  await card(page, 'Days and money').locator('button[type=submit]').click()
  await done(page, 'Saved')
  assert.equal(await page.locator('[aria-invalid]').count(), 0)
})

settings('the line to paste follows the words of the script, can be pinned, and comes with recipes', {}, async (page) => {
  await open(page, 'script')
  const tag = page.locator('[aria-label="The line to paste"] code')
  assert.equal(await tag.innerText(), `<script defer data-domain="${SHOP}" src="${origin}/js/passant.js"></script>`)
  const words = await page.locator('fieldset .tick code').allInnerTexts()
  for (const word of words) await page.locator('fieldset .tick', { has: page.locator(`code:text-is("${word}")`) }).locator('input').check()
  await page.click('button:text-is("Save")')
  await done(page, 'Saved')
  const { body: site } = await asked(page, 'GET', `/api/v1/sites/${SHOP}`)
  assert.deepEqual(site.settings.script_options.split(','), words)
  await page.locator('[aria-label="The line to paste"] code', { hasText: `passant.${words.join('.')}.js` }).waitFor()
  for (const word of words) {
    if (!['outbound-links', 'forms'].includes(word)) await page.locator('fieldset .tick', { has: page.locator(`code:text-is("${word}")`) }).locator('input').uncheck()
  }
  await page.click('button:text-is("Save")')
  await page.locator('[aria-label="The line to paste"] code', { hasText: '/passant.outbound-links.forms.js"' }).waitFor()
  await page.getByLabel('Pin it to this version').check()
  const pinned = passant.cli('site', 'snippet', SHOP, '--integrity', '--base-url', origin)
  assert.ok(pinned.includes(await tag.innerText()), pinned)
  for (const [proxy, expected] of [['nginx', 'proxy_pass'], ['caddy', 'reverse_proxy'], ['cloudflare', 'new Request'], ['next', 'rewrites'], ['vercel', '"rewrites"']]) {
    await page.getByLabel('What the site runs behind').selectOption(proxy)
    assert.ok((await page.locator('[aria-label="The recipe"] code').innerText()).includes(expected), proxy)
  }
  await page.click('button:has-text("Copy") >> nth=0')
  await page.locator('button:has-text("Copied")').waitFor()
})

// ---- what is defined for it ---------------------------------------------------------------------------------------

settings('goals and funnels are added and removed; what is refused stands by its field', {}, async (page) => {
  await open(page, 'goals')
  await page.click('button:text-is("Add the goal")')
  assert.equal(await fault(page, 'event_name'), 'This is needed.')
  await page.fill('[name=event_name]', 'pageview')
  await page.click('button:text-is("Add the goal")')
  assert.match(await fault(page, 'event_name'), /"pageview" is the tracker's own/)
  await page.fill('[name=event_name]', 'Purchase')
  await page.fill('[name=currency]', 'eur')
  await page.click('button:text-is("Add a property")')
  await page.fill('[aria-label="Key 1"]', 'plan')
  await page.fill('[aria-label="Value 1"]', 'large')
  await page.click('button:text-is("Add the goal")')
  await done(page, 'Added')
  await row(page, 'Purchase, plan: large').waitFor()
  await page.check('[name=type][value=page]')
  await page.fill('[name=page_path]', 'pricing')
  await page.click('button:text-is("Add the goal")')
  assert.match(await fault(page, 'page_path'), /expected one like "\/checkout/)
  await page.fill('[name=page_path]', '/pricing')
  await page.fill('[name=scroll_threshold]', '50')
  await page.fill('[name=display_name]', 'Reads the prices')
  await page.keyboard.press('Enter')
  await row(page, '/pricing, scrolled 50%').waitFor()
  const [sale, reads] = await definitions(page, 'goals')
  assert.deepEqual([sale.event_name, sale.currency, sale.custom_props], ['Purchase', 'EUR', { plan: 'large' }])
  assert.deepEqual([reads.display_name, reads.page_path, reads.scroll_threshold], ['Reads the prices', '/pricing', 50])

  await open(page, 'funnels')
  await page.fill('[name=name]', 'Sale')
  await page.getByLabel('Step 1').selectOption({ label: 'Reads the prices' })
  await page.click('button:text-is("Add the funnel")')
  await page.locator('fieldset .error', { hasText: '1 steps, expected 2 to 8 goals' }).waitFor()
  await page.getByLabel('Step 2').selectOption({ label: 'Purchase' })
  await page.selectOption('[name=order]', 'any')
  await page.click('button:text-is("Add the funnel")')
  await row(page, 'in any order').waitFor()
  const [funnel] = await definitions(page, 'funnels')
  assert.deepEqual([funnel.name, funnel.steps, funnel.order], ['Sale', [reads.id, sale.id], 'any'])

  await open(page, 'goals')
  assert.match(await remove(page, 'Purchase'), /The goal Purchase is shown in no report/)
  await page.locator('dialog .error', { hasText: 'is a step of the funnel "Sale"' }).waitFor()
  await page.keyboard.press('Escape')
  await open(page, 'funnels')
  assert.match(await remove(page, 'Sale'), /The funnel Sale goes/)
  await page.locator('text=There is no funnel yet').waitFor()
  await open(page, 'goals')
  await remove(page, 'Purchase')
  await row(page, 'Purchase').waitFor({ state: 'detached' })
  assert.deepEqual((await definitions(page, 'goals')).map(({ id }) => id), [reads.id])
})

settings('segments and annotations are added and removed', {}, async (page) => {
  await page.goto(`${origin}/?site=${SHOP}&f=is,visit:country,DE,FR&settings=segments`)
  await settled(page)
  await page.fill('[name=name]', 'Neighbours')
  await page.click('.filter-group button:text-is("Add filter")')
  const second = page.locator('.filter-group > ul > li').nth(1)
  await second.getByLabel('What to filter on').selectOption('event:page')
  await second.getByLabel('How to compare').selectOption('matches')
  await second.getByLabel('Value 1').fill('^/a')
  await page.getByLabel('Which of them have to hold').selectOption('any')
  await page.click('button:text-is("Add the segment")')
  await row(page, '(Country is DE or FR or Page matches ^/a)').waitFor()
  await page.fill('[name=name]', 'Everybody')
  await page.click('button:text-is("Add the segment")')
  await page.locator('.field .error', { hasText: 'a segment without filters is the whole site' }).waitFor()
  const [segment] = await definitions(page, 'segments')
  assert.deepEqual(segment.filters, [['or', [['is', 'visit:country', ['DE', 'FR']], ['matches', 'event:page', ['^/a']]]]])
  assert.match(await remove(page, 'Neighbours'), /every shared link that is limited to it/)
  await page.locator('text=There is no segment yet').waitFor()

  await open(page, 'annotations')
  await page.click('button:text-is("Add the annotation")')
  assert.equal(await fault(page, 'date'), 'This is needed.')
  await page.fill('[name=date]', '2026-03-29')
  await page.fill('[name=text]', 'A new front page')
  await page.click('button:text-is("Add the annotation")')
  await row(page, 'A new front page').waitFor()
  await page.fill('[name=date]', '2026-07-01')
  await page.fill('[name=time]', '09:30')
  await page.fill('[name=text]', 'A talk')
  await page.click('button:text-is("Add the annotation")')
  await row(page, 'A talk').waitFor()
  assert.match(await row(page, 'A talk').locator('th').innerText(), /1 Jul 2026.*09:30/)
  const notes = await definitions(page, 'annotations')
  assert.deepEqual(notes.map(({ at }) => at), ['2026-03-29', '2026-07-01T07:30:00Z'], 'half past nine in Berlin')
  assert.match(await remove(page, 'A talk'), /A talk/)
  await row(page, 'A talk').waitFor({ state: 'detached' })
  assert.equal((await definitions(page, 'annotations')).length, 1)
})

/** Begins to change what stands in a row: its form says so, and is where the keyboard goes on. */
async function edit(page, name, heading) {
  await row(page, name).locator('.acts button', { hasText: 'Edit' }).click()
  await page.locator('#adding', { hasText: heading }).waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.id), 'adding')
}

const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim())

settings('goals and funnels are changed in their place, and what names them goes on', {}, async (page) => {
  const put = async (kind, body) => (await asked(page, 'PUT', `/api/v1/sites/${kind}`, { site_id: EDITED, ...body })).body
  const goal = await put('goals', { goal_type: 'event', event_name: 'Signup', currency: 'EUR', custom_props: { plan: 'big' } })
  const other = await put('goals', { goal_type: 'page', page_path: '/cart' })
  const funnel = await put('funnels', { name: 'Way', steps: [other.id, goal.id] })
  await put('segments', { name: 'Who joined', filters: [['is', 'event:goal', ['Signup']]] })
  await open(page, 'goals', EDITED)
  await edit(page, 'Signup', 'Change the goal Signup')
  const values = () => page.locator('form.fields input:not([type=radio])').evaluateAll((fields) => fields.map(({ value }) => value))
  assert.deepEqual(await values(), ['Signup', 'EUR', 'Signup', 'plan', 'big'])
  await page.fill('[name=display_name]', 'Visit /cart')
  await page.click('button:text-is("Save")')
  assert.match(await fault(page, 'display_name'), /a goal "Visit \/cart" exists already/)
  await page.fill('[name=display_name]', 'Joins')
  await page.fill('[aria-label="Value 1"]', 'small')
  await page.keyboard.press('Enter')
  await done(page, 'Saved')
  await row(page, 'plan: small').waitFor()
  assert.equal(await focused(page), 'Edit: Joins', 'the focus is where the change began')
  assert.deepEqual(await values(), ['', '', ''], 'the form adds again')
  await page.locator('#adding', { hasText: 'Add a goal' }).waitFor()
  const [changed] = await definitions(page, 'goals', EDITED)
  assert.deepEqual(changed, { ...goal, display_name: 'Joins', custom_props: { plan: 'small' } })
  const [{ filters }] = await definitions(page, 'segments', EDITED)
  assert.deepEqual(filters, [['is', 'event:goal', ['Joins']]])

  await edit(page, '/cart', 'Change the goal Visit /cart')
  await page.fill('[name=page_path]', '/basket')
  await page.click('button:text-is("Cancel")')
  assert.equal(await focused(page), 'Edit: Visit /cart')
  assert.deepEqual((await definitions(page, 'goals', EDITED))[1], other, 'nothing was changed')

  await open(page, 'funnels', EDITED)
  await edit(page, 'Way', 'Change the funnel Way')
  await page.getByLabel('Step 1').selectOption({ label: 'Joins' })
  await page.getByLabel('Step 2').selectOption({ label: 'Visit /cart' })
  await page.selectOption('[name=within]', 'day')
  await page.click('button:text-is("Save")')
  await row(page, 'within a day').waitFor()
  const [turned] = await definitions(page, 'funnels', EDITED)
  assert.deepEqual(turned, { ...funnel, steps: [goal.id, other.id], within: 'day' })
  await edit(page, 'Way', 'Change the funnel Way')
  await remove(page, 'Way')
  await page.locator('text=There is no funnel yet').waitFor()
  await page.locator('#adding', { hasText: 'Add a funnel' }).waitFor()
})

settings('segments and annotations are changed in their place', {}, async (page) => {
  const put = async (kind, body) => (await asked(page, 'PUT', `/api/v1/sites/${kind}`, { site_id: EDITED, ...body })).body
  const segment = await put('segments', { name: 'Near', filters: [['is', 'visit:country', ['DE', 'FR']], ['not', ['is', 'event:page', ['/jobs']]]] })
  const strange = [['has_done', ['is', 'event:page', ['/cart']]]]
  const told = await put('segments', { name: 'With a cart', filters: strange })
  await open(page, 'segments', EDITED)
  await edit(page, 'Near', 'Change the segment Near')
  assert.deepEqual(await page.locator('.filter-fields input').evaluateAll((fields) => fields.map(({ value }) => value)), ['DE', 'FR', '/jobs'])
  await page.getByLabel('Value 2', { exact: true }).fill('AT')
  await page.click('button:text-is("Save")')
  await row(page, 'Country is DE or AT').waitFor()
  const saved = (await definitions(page, 'segments', EDITED)).find(({ id }) => id === segment.id)
  assert.deepEqual(saved.filters, [['is', 'visit:country', ['DE', 'AT']], ['not', ['or', [['is', 'event:page', ['/jobs']]]]]])
  await edit(page, 'With a cart', 'Change the segment With a cart')
  await page.locator('text=no words for its filters').waitFor()
  await page.fill('[name=name]', 'Full cart')
  await page.click('button:text-is("Save")')
  await row(page, 'Full cart').waitFor()
  const kept = (await definitions(page, 'segments', EDITED)).find(({ id }) => id === told.id)
  assert.deepEqual(kept, { ...told, name: 'Full cart' })

  const note = await put('annotations', { at: '2026-07-01T07:30:15Z', text: 'A talk' })
  await open(page, 'annotations', EDITED)
  await edit(page, 'A talk', /Change the annotation 1 Jul 2026.*09:30/)
  assert.deepEqual([await page.inputValue('[name=date]'), await page.inputValue('[name=time]')], ['2026-07-01', '09:30'])
  await page.fill('[name=text]', 'Two talks')
  await page.click('button:text-is("Save")')
  await row(page, 'Two talks').waitFor()
  assert.deepEqual(await definitions(page, 'annotations', EDITED), [{ ...note, text: 'Two talks' }], 'to the second as it was')
  await edit(page, 'Two talks', 'Change the annotation')
  await page.fill('[name=time]', '')
  await page.click('button:text-is("Save")')
  await row(page, 'Two talks').locator('th:text-is("1 Jul 2026")').waitFor()
  assert.equal((await definitions(page, 'annotations', EDITED))[0].at, '2026-07-01')
})

// ---- all of its events --------------------------------------------------------------------------------------------

settings('every event is saved, as lines and as columns', {}, async (page) => {
  const site = 'exported.test'
  const events = shopEvents(Date.now()).slice(0, 200)
  const directory = mkdtempSync(path.join(tmpdir(), 'passant-settings-'))
  const file = path.join(directory, 'events')
  writeFileSync(file, events.map((event) => JSON.stringify(event)).join('\n'))
  passant.cli('site', 'add', site)
  passant.cli('import', '--site', site, '--format', 'events', file)
  rmSync(directory, { recursive: true })
  await page.goto(`${origin}/?site=${site}&range=91d&open=export`)
  const saved = async (name) => {
    const button = page.getByRole('button', { name: `Save ${name}`, exact: true })
    const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
    const said = page.locator('.exports li', { has: page.locator(`h3:text-is("${name}")`) }).locator('[role=status]')
    await said.getByText(/^Saved, /).waitFor()
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }
  const lines = await saved('All events')
  assert.equal(lines.name, 'exported.test-events-91d.ndjson')
  const records = lines.bytes.toString().trimEnd().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(records.map(({ pathname }) => pathname).sort(), events.map(({ pathname }) => pathname).sort())
  const columns = await saved('All events, as Parquet')
  assert.equal(columns.name, 'exported.test-events-parquet-91d.parquet')
  const marks = [columns.bytes.subarray(0, 4), columns.bytes.subarray(-4)].map(String)
  assert.deepEqual(marks, ['PAR1', 'PAR1'])
  const foot = columns.bytes.readUInt32LE(columns.bytes.length - 8)
  assert.ok(foot > 0 && foot < columns.bytes.length - 12, `${foot} bytes of footer in ${columns.bytes.length}`)
})

// ---- who else ------------------------------------------------------------------------------------------------------

settings('links are made, shown once, opened with their password, and removed', {}, async (page) => {
  await asked(page, 'PUT', '/api/v1/sites/segments', { site_id: SHOP, name: 'From Germany', filters: [['is', 'visit:country', ['DE']]] })
  await open(page, 'sharing')
  await page.fill('[name=name]', 'Board')
  await page.fill('[name=password]', 'short')
  await page.click('button:text-is("Make the link")')
  assert.match(await fault(page, 'password'), /at least 10 characters/)
  await page.fill('[name=password]', 'for everybody')
  await page.fill('[name=origins]', 'www.example.com')
  await page.click('button:text-is("Make the link")')
  assert.match(await fault(page, 'origins'), /is not an origin/)
  await page.fill('[name=origins]', 'https://www.example.com')
  await page.selectOption('[name=segment]', { label: 'From Germany' })
  await page.fill('[name=ends]', '2099-12-30')
  await page.click('button:text-is("Make the link")')
  await page.locator('.once').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.className), 'once')
  const url = await page.locator('.once code').first().innerText()
  await page.selectOption('[name=theme]', 'dark')
  assert.match(await page.locator('.once code').last().innerText(), /<iframe src="[^"]+\?embed=\d+&theme=dark#[0-9a-f]{32}"/)
  assert.match(await row(page, 'Board').innerText(), /From Germany; asks for a password; may stand in frames of https:\/\/www.example.com\s+30 Dec 2099/)
  await page.reload()
  await settled(page)
  await row(page, 'Board').waitFor()
  assert.ok(!(await page.content()).includes(new URL(url).hash.slice(1)), 'the secret is shown once')

  const fresh = await browser.newContext(DESKTOP)
  const reader = await fresh.newPage()
  await reader.goto(url)
  await reader.fill('#password', 'for everybody')
  await reader.click('button:text-is("Open")')
  await reader.locator('.domain', { hasText: SHOP }).waitFor()
  assert.equal(await reader.locator('.bar nav').count(), 0, 'no settings are offered')
  await fresh.close()

  assert.match(await remove(page, 'Board'), /to those who have opened it either/)
  await page.locator('text=There is no link yet').waitFor()
})

settings('a site is opened to all and closed again; while it is open it has a badge', {}, async (page) => {
  await open(page, 'sharing')
  const fresh = await browser.newContext(DESKTOP)
  const stranger = await fresh.newPage()
  await stranger.goto(origin)
  const read = async () => (await asked(stranger, 'POST', '/api/share', { site_id: SHOP })).status
  assert.equal(await read(), 404)
  await page.selectOption('[name=visibility]', 'public')
  await page.click('button:text-is("Save")')
  await page.waitForFunction(() => document.querySelector('.card img')?.naturalWidth > 0)
  assert.match(await page.locator('[aria-label="The badge to paste"]').innerText(), new RegExp(`<img src="${origin}/badge/${SHOP}.svg"`))
  assert.equal(await read(), 200)
  await page.selectOption('[name=visibility]', 'members')
  await page.click('button:text-is("Save")')
  await page.locator('.card img').waitFor({ state: 'detached' })
  assert.equal(await read(), 404)
  await fresh.close()
})

settings('a token is shown once, works, and is refused after it was revoked', {}, async (page) => {
  await open(page, 'tokens')
  await page.fill('[name=name]', 'Grafana')
  await page.fill('[name=ends]', '2001-01-01')
  await page.click('button:text-is("Make the token")')
  assert.match(await fault(page, 'ends'), /would have ended already/)
  await page.fill('[name=ends]', '2099-12-30')
  await page.click('button:text-is("Make the token")')
  const text = await page.locator('.once code').innerText()
  const read = async () => (await fetch(`${origin}/api/v1/sites/goals?site_id=${SHOP}`, { headers: { authorization: `Bearer ${text}` } })).status
  assert.equal(await read(), 200)
  assert.match(await row(page, 'Grafana').innerText(), /stats:read.*30 Dec 2099/s)
  await page.click('button:text-is("I have it")')
  assert.ok(!(await page.content()).includes(text))
  await open(page, 'all-tokens')
  await row(page, 'Grafana').waitFor()
  await page.fill('[name=name]', 'Everything')
  await page.click('button:text-is("Make the token")')
  await row(page, 'all sites').filter({ hasText: 'Everything' }).waitFor()
  await open(page, 'tokens')
  assert.equal(await page.locator('.listed tbody tr').count(), 1, 'those of all sites are not its own')
  assert.match(await remove(page, 'Grafana', 'Revoke'), /Grafana \(stats:read, shop.test\) is refused/)
  await page.locator('text=There is no token yet').waitFor()
  assert.equal(await read(), 401)
})

settings('who is invited as a viewer may look and nothing else, until they are made more', {}, async (page) => {
  await open(page, 'members')
  await page.fill('[name=email]', 'bob')
  await page.click('button:text-is("Add")')
  assert.match(await fault(page, 'email'), /is not an e-mail address/)
  await page.fill('[name=email]', 'bob@example.com')
  await page.click('button:text-is("Add")')
  const link = new URL(await page.locator('.once code').innerText())
  await row(page, 'bob@example.com').waitFor()

  const fresh = await browser.newContext(DESKTOP)
  const bob = await fresh.newPage()
  await bob.goto(`${origin}/password${link.hash}`)
  await bob.fill('#name', 'Bob')
  await bob.fill('#password', 'ten letters more')
  await bob.click('.sign-in button')
  await bob.locator('.bar nav a:text-is("Account")').waitFor()
  await signOut(bob)
  await signIn(bob, { email: 'bob@example.com', password: 'ten letters more' })
  await bob.click('.bar nav a:text-is("Account")')
  await settled(bob)
  assert.deepEqual(await bob.locator('.settings nav a').allInnerTexts(), ['Account', 'Sites'])
  for (const settings of PAGES.filter((one) => !['account', 'sites'].includes(one))) {
    await open(bob, settings)
    assert.match(await bob.locator('.refused').innerText(), /You are a viewer of shop.test. This page takes|Only owners may use this page/, settings)
  }
  await open(bob, 'account', HOSTILE_SITE)
  assert.deepEqual(await bob.locator('.settings nav a').allInnerTexts(), ['Account', 'Sites'], 'another site is not named')
  await open(bob, 'site', HOSTILE_SITE)
  assert.match(await bob.locator('.refused').innerText(), /no site hostile.test, or none that you may see/)
  await open(bob, 'sites')
  assert.equal(await bob.locator('h3:text-is("Add a site")').count(), 0)
  for (const [method, address, body] of [
    ['PUT', `/api/v1/sites/${SHOP}`, { settings: { privacy_floor: '1' } }],
    ['PUT', '/api/v1/sites/goals', { site_id: SHOP, goal_type: 'event', event_name: 'Mine' }],
    ['PUT', '/api/v1/sites/shared-links', { site_id: SHOP, name: 'Mine' }],
    ['GET', `/api/v1/sites/${SHOP}/members`],
    ['POST', '/api/v1/tokens', { scope: 'stats:read', site_id: SHOP }],
    ['POST', '/api/v1/sites', { domain: 'mine.test' }],
    ['GET', '/api/v1/users']
  ]) assert.equal((await asked(bob, method, address, body)).status, 403, `${method} ${address}`)

  await row(page, 'bob@example.com').locator('select').selectOption('analyst')
  await done(page, 'bob@example.com is now analyst')
  await open(bob, 'goals')
  assert.deepEqual(await bob.locator('.settings nav a').allInnerTexts(), ['Goals', 'Funnels', 'Segments', 'Annotations', 'Account', 'Sites'])
  await bob.fill('[name=event_name]', 'Newsletter')
  await bob.keyboard.press('Enter')
  await row(bob, 'Newsletter').waitFor()
  assert.match(await remove(page, 'bob@example.com'), /Bob \(bob@example.com\) sees shop.test no more/)
  await page.locator('text=Nobody but the owners').waitFor()
  await open(bob, 'goals')
  await bob.locator('.refused').waitFor()
  await fresh.close()
})

settings('people are invited, made owners, helped with a link, and removed', {}, async (page) => {
  await open(page, 'people')
  await page.fill('[name=email]', OWNER.email)
  await page.click('button:text-is("Invite")')
  assert.match(await fault(page, 'email'), /has an account already/)
  await page.fill('[name=email]', 'eve@example.com')
  await page.fill('[name=name]', 'Eve')
  await page.selectOption('[name=site]', SHOP)
  await page.selectOption('[name=role]', 'admin')
  await page.click('button:text-is("Invite")')
  const first = await page.locator('.once code').innerText()
  assert.match(await row(page, 'eve@example.com').innerText(), /member, invited/)
  await row(page, 'eve@example.com').locator('button:has-text("New link")').click()
  await page.waitForFunction((first) => document.querySelector('.once code')?.innerText !== first, first)
  await row(page, 'eve@example.com').locator('button:has-text("Make an owner")').click()
  assert.match(await page.locator('dialog').innerText(), /Eve may then do everything on every site/)
  await page.click('dialog button[type=submit]')
  await row(page, 'eve@example.com').filter({ hasText: 'owner, invited' }).waitFor()
  assert.match(await remove(page, 'eve@example.com'), /The account of Eve \(eve@example.com\)/)
  await row(page, 'eve@example.com').waitFor({ state: 'detached' })
  await remove(page, OWNER.email)
  await page.locator('dialog .error', { hasText: 'the last owner stays one' }).waitFor()
})

settings('an owner adds a site, renames it, and removes it by typing its name', {}, async (page) => {
  await open(page, 'sites')
  await page.fill('[name=domain]', 'a b')
  await page.click('button:text-is("Add the site")')
  assert.match(await fault(page, 'domain'), /"a b" is not a domain/)
  await page.fill('[name=domain]', 'new.test')
  await page.fill('[name=timezone]', 'Asia/Tokyo')
  await page.click('button:text-is("Add the site")')
  await page.locator('#snippet', { hasText: 'data-domain="new.test"' }).waitFor()
  await page.click('.bar nav a:text-is("Settings")')
  await settled(page)
  assert.equal(await page.locator('[name=timezone]').inputValue(), 'Asia/Tokyo')
  await page.fill('[name=domain]', SHOP)
  await page.click('button:text-is("Change the domain")')
  assert.match(await fault(page, 'domain'), /exists already/)
  await page.fill('[name=domain]', 'newer.test')
  await page.click('button:text-is("Change the domain")')
  await page.waitForURL((url) => url.searchParams.get('site') === 'newer.test')
  await page.locator('#settings-site', { hasText: 'newer.test' }).waitFor()
  await page.click('button:text-is("Remove newer.test")')
  assert.match(await page.locator('dialog').innerText(), /All events of newer.test are erased/)
  const confirm = page.locator('dialog button[type=submit]')
  assert.ok(await confirm.isDisabled())
  await page.fill('dialog input', 'newer.test')
  await confirm.click()
  await page.waitForURL((url) => url.searchParams.get('settings') === 'sites')
  await row(page, SHOP).waitFor()
  assert.equal((await asked(page, 'GET', '/api/v1/sites/newer.test')).status, 404)
})

// ---- one's own account ---------------------------------------------------------------------------------------------

settings('who signs out is signed out, though the page is closed at once; who is not is told so', {}, async (page, context) => {
  await context.route('**/api/session', (route) => (route.request().method() === 'DELETE' ? route.abort() : route.fallback()))
  await page.click('text=Sign out')
  await page.locator('[role=alert]', { hasText: 'You are still signed in. The server does not answer.' }).waitFor()
  await context.unroute('**/api/session')
  await page.click('text=Try again')
  await page.locator('.bar nav a').waitFor()
  await page.evaluate(() => {
    [...document.querySelectorAll('button')].find((button) => button.innerText === 'Sign out').click()
    location.href = '/api/openapi.json'
  })
  await page.waitForURL('**/api/openapi.json')
  let response
  do response = await context.request.get(`${origin}/api/session`)
  while (response.status() === 200)
  assert.equal(response.status(), 401)
}, [/ERR_FAILED/])

test('a password is changed, sessions are ended, and a device is asked for from then on', { timeout: PATIENCE_MS }, async () => {
  const invitation = new URL(passant.cli('user', 'invite', 'cat@example.com', '--site', SHOP, '--role', 'admin').split(/\s+/).find((word) => word.includes('/password#')))
  const context = await browser.newContext(DESKTOP)
  const page = await context.newPage()
  await page.goto(`${origin}/password${invitation.hash}`)
  await page.fill('#password', 'ten letters first')
  await page.click('.sign-in button')
  await page.locator('.bar nav a').waitFor()
  const elsewhere = await browser.newContext(DESKTOP)
  const other = await elsewhere.newPage()
  await signIn(other, { email: 'cat@example.com', password: 'ten letters first' })

  await open(page, 'account')
  await page.fill('[name=name]', 'Cat')
  await card(page, 'Who you are').locator('button').click()
  await card(page, 'Who you are').locator('.done', { hasText: 'Saved' }).waitFor()
  assert.equal((await asked(page, 'GET', '/api/v1/account')).body.name, 'Cat')
  await page.click('.settings nav a:text-is("Sites")')
  await page.click('.settings nav a:text-is("Account")')
  await settled(page)
  assert.equal(await page.locator('[name=name]').inputValue(), 'Cat')
  assert.equal(await page.locator('.listed tbody tr').count(), 2)
  await page.locator('.listed tbody tr:not(:has(.tag)) .acts button').click()
  await page.click('dialog button[type=submit]')
  await page.waitForFunction(() => document.querySelectorAll('.listed tbody tr').length === 1)
  assert.equal((await asked(other, 'GET', '/api/session')).status, 401)

  await page.fill('[name=old-password]', 'not this one')
  await page.fill('[name=new-password]', 'ten letters second')
  await page.click('button:text-is("Change the password")')
  assert.match(await fault(page, 'old-password'), /not the one of this account/)
  await page.fill('[name=old-password]', 'ten letters first')
  await page.fill('[name=new-password]', 'short')
  await page.click('button:text-is("Change the password")')
  assert.match(await fault(page, 'new-password'), /at least 10 characters/)
  await page.fill('[name=new-password]', 'ten letters second')
  await page.click('button:text-is("Change the password")')
  await done(page, 'Changed')

  await page.fill('[name=two-factor-password]', 'ten letters second')
  await page.click('button:text-is("Set it up")')
  const secret = (await page.locator('.secret').innerText()).replaceAll(' ', '')
  const read = await seen(page, context)
  assert.ok(read.startsWith('otpauth://totp/Passant:cat%40example.com') && read.includes(secret), read)
  assert.equal(await page.locator('.device a').getAttribute('href'), read)
  await accessible(page, 'a device is set up')
  await page.screenshot({ path: path.join(SCREENSHOTS, 'settings-two-factor.png'), fullPage: true })
  await page.fill('[name=code]', '12345')
  await page.click('button:text-is("Turn it on")')
  assert.match(await fault(page, 'code'), /not one that the device shows now/)
  // Each code is taken once: the one of half a minute ago now, so that the present one is left to sign in with.
  await page.fill('[name=code]', deviceCode(secret, Date.now() - 30_000))
  await page.click('button:text-is("Turn it on")')
  const codes = (await page.locator('.once code').innerText()).split('\n')
  assert.equal(codes.length, 10)
  await page.locator('text=On: signing in asks for a code').waitFor()
  await signOut(page)
  await signIn(page, { email: 'cat@example.com', password: 'ten letters second' }, () => deviceCode(secret))
  await signOut(page)
  await signIn(page, { email: 'cat@example.com', password: 'ten letters second' }, () => codes[4])
  await open(page, 'account')
  await page.locator('text=9 recovery codes are left').waitFor()
  await page.fill('[name=two-factor-password]', 'ten letters second')
  await page.click('button:text-is("Turn it off")')
  await page.locator('text=Off. With it').waitFor()
  await Promise.all([context.close(), elsewhere.close()])
})

/** What a camera reads off the page. */
async function seen(page, context) {
  const picture = (await page.locator('.qr').screenshot()).toString('base64')
  const darkroom = await context.newPage()
  const { data, width, height } = await darkroom.evaluate(async (picture) => {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))
    const bitmap = await createImageBitmap(new Blob([bytes]))
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
    canvas.drawImage(bitmap, 0, 0)
    return { data: [...canvas.getImageData(0, 0, bitmap.width, bitmap.height).data], width: bitmap.width, height: bitmap.height }
  }, picture)
  await darkroom.close()
  return jsqr(Uint8ClampedArray.from(data), width, height)?.data ?? 'nothing'
}

// ---- the address and the keyboard ----------------------------------------------------------------------------------

settings('each page is an address: back, forward, reload, and numbers as they were before', {}, async (page) => {
  await page.goto(`${origin}/?site=${SHOP}&range=7d`)
  await page.click('.bar nav a:text-is("Settings")')
  await settled(page)
  await page.click('.settings nav a:text-is("Goals")')
  await page.click('.settings nav a:text-is("Members")')
  await settled(page)
  const page_of = () => new URL(page.url()).searchParams.get('settings')
  assert.equal(page_of(), 'members')
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Members')
  assert.match(await page.title(), /^Members · shop.test/)
  await page.goBack()
  await page.locator('.pane > h2:text-is("Goals")').waitFor()
  await page.goForward()
  await page.locator('.pane > h2:text-is("Members")').waitFor()
  await page.reload()
  await page.locator('.pane > h2:text-is("Members")').waitFor()
  await page.locator('#site').selectOption(HOSTILE_SITE)
  await page.locator('#settings-site', { hasText: HOSTILE_SITE }).waitFor()
  assert.equal(page_of(), 'members')
  await page.click('.bar nav a:text-is("Numbers")')
  await page.locator('.waiting').waitFor()
  const { searchParams } = new URL(page.url())
  assert.deepEqual([searchParams.get('settings'), searchParams.get('range')], [null, '7d'])
  await open(page, 'nonsense')
  assert.match(await page.locator('.refused').innerText(), /no such page/)
  await open(page, 'site', 'gone.test')
  assert.match(await page.locator('.refused').innerText(), /no site gone.test/)
})

settings('a goal is added and removed by keyboard alone', {}, async (page) => {
  await page.goto(`${origin}/?site=${SHOP}`)
  await page.locator('.bar nav a').waitFor()
  const reach = async (words) => {
    const here = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.name || '')
    for (let step = 0; step < 60 && !(await here()).startsWith(words); step += 1) await page.keyboard.press('Tab')
    assert.ok((await here()).startsWith(words), words)
  }
  await reach('Settings')
  await page.keyboard.press('Enter')
  await settled(page)
  await reach('Goals')
  await page.keyboard.press('Enter')
  await page.locator('.pane > h2:text-is("Goals")').waitFor()
  await reach('event_name')
  await page.keyboard.type('By hand')
  await page.keyboard.press('Enter')
  await row(page, 'By hand').waitFor()
  await page.locator('.skip').focus()
  await reach('Remove: By hand')
  await page.keyboard.press('Enter')
  await page.locator('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('dialog').waitFor({ state: 'detached' })
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Remove: By hand/, 'the focus is where it was')
  await page.keyboard.press('Enter')
  await page.locator('dialog').waitFor()
  await reach('Remove')
  await page.keyboard.press('Enter')
  await row(page, 'By hand').waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Goals', 'and with the list where that is gone')
})

test('who reads with a token is told that settings are not theirs', { timeout: PATIENCE_MS }, async () => {
  const token = passant.cli('token', 'create', '--scope', 'stats:read')
  const context = await browser.newContext(DESKTOP)
  const page = await context.newPage()
  await page.goto(`${origin}/?site=${SHOP}&settings=goals#token=${token}`)
  assert.match(await page.locator('.refused').innerText(), /for people who have signed in/)
  await page.click('.bar nav a:text-is("Numbers")')
  await page.locator('.bar .domain, .bar #site').waitFor()
  assert.equal(await page.locator('.bar nav').count(), 0)
  await context.close()
})

// ---- what strangers write ------------------------------------------------------------------------------------------

settings('names are text and nothing else, on every page', {}, async (page) => {
  const put = (kind, body) => asked(page, 'PUT', `/api/v1/sites/${kind}`, { site_id: HOSTILE_SITE, ...body })
  for (const [index, text] of HOSTILE.entries()) {
    const made = await Promise.all([
      put('goals', { goal_type: 'event', event_name: `e${index} ${text}`, custom_props: { [text]: text } }),
      put('segments', { name: `s${index} ${text}`, filters: [['is', 'event:page', [text]]] }),
      put('annotations', { at: '2026-03-01', text }),
      put('shared-links', { name: `l${index} ${text}` }),
      asked(page, 'POST', '/api/v1/tokens', { scope: 'stats:read', site_id: HOSTILE_SITE, name: text }),
      asked(page, 'POST', '/api/v1/users', { email: `mal${index}@example.com`, name: text, sites: { [HOSTILE_SITE]: 'viewer' } })
    ])
    assert.deepEqual(made.map(({ status }) => status), [200, 200, 200, 200, 200, 200], JSON.stringify(made))
  }
  const goals = await definitions(page, 'goals', HOSTILE_SITE)
  await put('funnels', { name: HOSTILE[0], steps: goals.slice(0, 2).map(({ id }) => id) })
  for (const settings of PAGES) {
    await open(page, settings, HOSTILE_SITE)
    if (['goals', 'segments', 'annotations', 'sharing', 'members', 'tokens', 'people'].includes(settings)) {
      assert.ok((await page.locator('.listed').innerText()).includes(HOSTILE[0]), `${settings}: it is shown as it is`)
      await page.locator('.listed .acts button').last().click()
      await page.locator('dialog').waitFor()
    }
    const found = await page.evaluate(() => ({
      ran: window.ran ?? null,
      made: [...document.querySelectorAll('body img, body script, body iframe, body a[href^="javascript"], [onerror], [onload], [onclick]')].map((one) => one.outerHTML)
    }))
    assert.deepEqual(found, { ran: null, made: [] }, settings)
  }
  for (const text of HOSTILE) {
    await page.goto(`${origin}/?${new URLSearchParams({ site: text, settings: 'goals' })}`)
    await page.locator('.refused').waitFor()
    assert.ok((await page.locator('.refused').innerText()).includes('There is no site'), text)
    assert.equal(await page.evaluate(() => window.ran ?? null), null)
  }
})

// ---- looks --------------------------------------------------------------------------------------------------------

for (const colorScheme of ['light', 'dark']) {
  settings(`nobody is kept out of any page, in ${colorScheme} colours`, { colorScheme, reducedMotion: 'reduce' }, async (page) => {
    mkdirSync(SCREENSHOTS, { recursive: true })
    await furnish(page)
    for (const settings of PAGES) {
      await open(page, settings)
      await accessible(page, settings)
      await page.screenshot({ path: path.join(SCREENSHOTS, `settings-${settings}-${colorScheme}.png`), fullPage: true })
    }
    await open(page, 'goals')
    await page.click('button:text-is("Add the goal")')
    await fault(page, 'event_name')
    await accessible(page, 'a fault')
    await row(page, 'Sees the prices').locator('.acts button:has-text("Edit")').click()
    await page.locator('#adding', { hasText: 'Change the goal Sees the prices' }).waitFor()
    await accessible(page, 'a goal that is changed')
    await page.screenshot({ path: path.join(SCREENSHOTS, `settings-edit-${colorScheme}.png`), fullPage: true })
    await page.locator('.listed .acts button').last().click()
    await page.locator('dialog').waitFor()
    await accessible(page, 'a confirmation')
    await page.screenshot({ path: path.join(SCREENSHOTS, `settings-confirm-${colorScheme}.png`) })
  })
}

for (const [name, context] of [
  ['phone', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  ['narrow-phone', { viewport: { width: 320, height: 640 } }]
]) {
  settings(`every page fits on a ${name}, from left to right and from right to left`, context, async (page) => {
    await furnish(page)
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
    for (const settings of PAGES) {
      await open(page, settings)
      assert.ok(await fits(), settings)
      await page.screenshot({ path: path.join(SCREENSHOTS, `settings-${settings}-${name}.png`), fullPage: true })
      await page.evaluate(() => (document.documentElement.dir = 'rtl'))
      assert.ok(await fits(), `${settings} from right to left`)
    }
  })
}

/** Something on each page to look at. */
async function furnish(page) {
  const put = async (kind, body) => (await asked(page, 'PUT', `/api/v1/sites/${kind}`, { site_id: SHOP, ...body })).body
  const [first, second] = [
    await put('goals', { goal_type: 'page', page_path: '/pricing', display_name: 'Sees the prices' }),
    await put('goals', { goal_type: 'event', event_name: 'Signup', currency: 'EUR' })
  ]
  await put('funnels', { name: 'From prices to an account', steps: [first.id, second.id] })
  const segment = await put('segments', { name: 'From phones', filters: [['is', 'visit:device', ['Mobile']]] })
  if ((await definitions(page, 'annotations')).every(({ text }) => text !== 'The new front page')) {
    await put('annotations', { at: '2026-11-16', text: 'The new front page' })
    await put('shared-links', { name: 'For the board', segment_id: segment.id, password: 'for the board', frame_ancestors: ['https://www.shop.test'] })
    await asked(page, 'POST', '/api/v1/tokens', { scope: 'stats:read', site_id: SHOP, name: 'Grafana', expires_at: '2099-12-31T00:00:00Z' })
    await asked(page, 'POST', '/api/v1/users', { email: 'grace@shop.test', name: 'Grace', sites: { [SHOP]: 'analyst' } })
  }
}
