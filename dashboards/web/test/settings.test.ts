import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Session } from "../src/api/types.ts";
import { blamed } from "../src/model/blame.ts";
import { filtersInWords } from "../src/model/filter-words.ts";
import { withoutOverrides } from "../src/model/overrides.ts";
import { firstPage, isOpenTo, PAGES, type PageKey } from "../src/model/settings-pages.ts";
import { SECTIONS, SITE_SETTINGS, settingsOf, shownSetting, storedSetting } from "../src/model/site-settings.ts";
import { scriptTag } from "../src/model/script-tag.ts";
import { frameTag, PROXIES, recipe, type Place } from "../src/model/snippets.ts";

const somebody = (owner: boolean): Session => ({ user: { email: "ada@example.com", name: "Ada", owner }, sites: [] });

test("a page is offered to those who may use it", () => {
  const offered = (role: Parameters<typeof isOpenTo>[1], session: Session | null) =>
    PAGES.filter((page) => isOpenTo(page, role, session)).map(({ key }): PageKey => key);
  assert.deepEqual(offered(null, null), []);
  assert.deepEqual(offered("viewer", somebody(false)), ["account", "sites"]);
  assert.deepEqual(offered("analyst", somebody(false)), ["goals", "funnels", "segments", "annotations", "account", "sites"]);
  assert.deepEqual(offered("admin", somebody(false)), PAGES.filter(({ group }) => group !== "server").map(({ key }) => key));
  assert.deepEqual(offered("owner", somebody(true)), PAGES.map(({ key }) => key));
  assert.deepEqual([firstPage("viewer", somebody(false)), firstPage("admin", somebody(false))], ["account", "site"]);
});

test("every setting stands in one section, and every section has one", () => {
  const sections = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];
  const all = sections.flatMap(settingsOf);
  assert.deepEqual([...all].sort(), Object.keys(SITE_SETTINGS).sort());
  assert.ok(sections.every((section) => settingsOf(section).length > 0));
});

test("lists stand on lines, and go with commas", () => {
  const row = SITE_SETTINGS.blocked_pages;
  assert.equal(shownSetting(row, "/admin/*,/preview"), "/admin/*\n/preview");
  assert.equal(storedSetting(row, " /admin/* \n\n/preview,/draft\n"), "/admin/*,/preview,/draft");
  assert.equal(storedSetting(row, shownSetting(row, "")), "");
  assert.equal(storedSetting(SITE_SETTINGS.timezone, " UTC "), "UTC");
});

test("a refusal stands by the field that it is about", () => {
  const fields = { event_name: null, at: null, filters: null, name: /^a funnel / };
  for (const [said, field, words] of [
    ['event_name "pageview" is the tracker\'s own; use a page goal', "event_name", '"pageview" is the tracker\'s own; use a page goal'],
    ["Parameter `at` is required to create an annotation", "at", "This is needed."],
    ["Parameter `at`: expected a text", "at", "expected a text"],
    ["#/filters/0: unknown dimension", "filters", "unknown dimension"],
    ['a funnel "Sale" exists already', "name", 'a funnel "Sale" exists already'],
    ["the control data could not be used", "", "the control data could not be used"],
    ["constructor is no field", "", "constructor is no field"],
  ] as const) {
    assert.deepEqual(blamed(said, fields), { field, words }, said);
  }
});

test("filters are told in words, and what is unknown as it is", () => {
  const filters = [
    ["is", "visit:country", ["DE", "FR"]],
    ["or", [["contains", "event:page", ["/a"], { case_sensitive: false }], ["not", ["is", "event:props:plan", ["big"]]]]],
    ["has_done", ["is", "event:goal", ["Signup"]]],
    ["odd", 7],
    "text",
  ];
  assert.equal(
    filtersInWords(filters),
    'Country is DE or FR and (Page contains /a or not (plan is big)) and has done (Goal is Signup) and ["odd",7] and "text"',
  );
});

test("a name does not turn the sentence that it stands in", () => {
  assert.equal(withoutOverrides("Remove \u202e<b>\u2066 עברית?"), "Remove <b> עברית?");
});

// ---- what is pasted ---------------------------------------------------------------------------------------------------

const usual: Place = {
  script: { domain: "example.com", path: "/js/passant.js", integrity: "sha384-x", event_path: "/api/event" },
  options: [],
  origin: "https://stats.example.com",
};

test("recipes are those of the documentation", () => {
  const guide = readFileSync("../../docs/tracker.md", "utf8");
  for (const { key } of PROXIES) assert.ok(guide.includes(`\n${recipe(key, usual)}\n`), recipe(key, usual));
});

test("a renamed script with words in its name is handed on under every name that it may have", () => {
  const place: Place = {
    ...usual,
    options: ["outbound-links", "forms"],
    script: { ...usual.script, path: "/lib/reader.outbound-links.forms.js", event_path: "/lib/note" },
  };
  assert.match(recipe("nginx", place), /\^\/\(lib\/reader\[\^\/\]\*\\\.js\|lib\/note\)\$/);
  assert.match(recipe("caddy", place), /^@passant path \/lib\/reader\*\.js \/lib\/note\n/);
  assert.equal(
    scriptTag(place, "sha384-x"),
    '<script defer data-domain="example.com" src="https://stats.example.com/lib/reader.outbound-links.forms.js" integrity="sha384-x" crossorigin="anonymous" data-api="https://stats.example.com/lib/note"></script>',
  );
});

test("a frame has the colours that are asked for before the secret, which no server sees", () => {
  const url = "https://stats.example.com/share/example.com?embed=3#5ec2e7";
  assert.match(frameTag(url, ""), /src="https:\/\/stats.example.com\/share\/example.com\?embed=3#5ec2e7"/);
  assert.match(frameTag(url, "dark"), /\?embed=3&theme=dark#5ec2e7"/);
});
