import assert from "node:assert/strict";
import { test } from "node:test";
import { askedFilters, formatClause, parseClause, toggled, type Clause } from "../src/model/filters.ts";
import { named } from "../src/model/period.ts";
import { formatView, HOME, parseView, type View } from "../src/model/view.ts";

const HOSTILE = ['<script>alert(1)</script>', 'a,b\\c,', '"\'&=#?%2C', "\u202Eevil\n", "", "\\"];

test("a view reads back as it was written", () => {
  const view: View = {
    site: "example.com",
    range: named("91d"),
    compare: "year",
    weekdays: true,
    metric: "bounce_rate",
    interval: "week",
    clauses: [
      { operator: "is", dimension: "visit:source", values: ["Google", "Bing"] },
      { operator: "contains_not", dimension: "event:props:plan,tier", values: HOSTILE },
      { operator: "is", dimension: "segment", values: ["3"] },
    ],
    match: "any",
    tabs: { pages: "entry", sources: "utm_term" },
    property: "a&b",
    funnel: "2",
    journey: "from:/blog/**",
    open: "countries",
    settings: "goals",
  };
  assert.deepEqual(parseView(formatView(view)), view);
});

test("the usual view has no address of its own", () => {
  assert.equal(formatView(HOME), "");
  assert.deepEqual(parseView(""), HOME);
});

test("an address is readable", () => {
  const clauses: Clause[] = [{ operator: "is", dimension: "event:page", values: ["/pricing"] }];
  assert.equal(formatView({ ...HOME, site: "example.com", clauses }), "?site=example.com&f=is,event:page,/pricing");
});

test("what cannot be read is the usual", () => {
  const view = parseView("?range=tomorrow&metric=toString&compare=x&interval=year&f=is&f=is,event:page&f=like,event:page,/&f=is,secret,x&f=is,segment,abc");
  assert.deepEqual(view, HOME);
});

test("a clause survives whatever a visitor may have sent", () => {
  for (const value of HOSTILE) {
    const clause: Clause = { operator: "is", dimension: "event:page", values: [value, "/"] };
    assert.deepEqual(parseClause(formatClause(clause)), clause);
  }
});

test("filters are asked as the API reads them", () => {
  const clauses: Clause[] = [
    { operator: "contains", dimension: "event:page", values: ["blog"] },
    { operator: "is", dimension: "segment", values: ["7"] },
  ];
  const asked = [
    ["contains", "event:page", ["blog"], { case_sensitive: false }],
    ["is", "segment", [7]],
  ];
  assert.deepEqual(askedFilters(clauses, "all"), asked);
  assert.deepEqual(askedFilters(clauses, "any"), [["or", asked]]);
  assert.deepEqual(askedFilters(clauses.slice(1), "any"), asked.slice(1));
});

test("a row that is picked again is let go", () => {
  const other: Clause = { operator: "is_not", dimension: "visit:os", values: ["Windows"] };
  const once = toggled([other], [{ dimension: "visit:os", value: "Linux" }]);
  assert.deepEqual(once, [other, { operator: "is", dimension: "visit:os", values: ["Linux"] }]);
  assert.deepEqual(toggled(once, [{ dimension: "visit:os", value: "Linux" }]), [other]);
  assert.deepEqual(toggled(once, [{ dimension: "visit:os", value: "Android" }])[1]?.values, ["Android"]);
});
