import assert from "node:assert/strict";
import { test } from "node:test";
import { askedFilters, formatCondition, parseCondition, tidied, toggled, type Clause, type Condition } from "../src/model/filters.ts";
import { named } from "../src/model/period.ts";
import { formatView, HOME, parseView, type View } from "../src/model/view.ts";

const HOSTILE = ['<script>alert(1)</script>', 'a,b\\c,', '"\'&=#?%2C', "\u202Eevil\n", "", "\\"];

test("a view reads back as it was written", () => {
  const view: View = {
    site: "example.com",
    range: named("91d"),
    compare: { from: "2026-01-01", to: "2026-01-31" },
    weekdays: true,
    metric: "bounce_rate",
    interval: "week",
    clauses: [
      { operator: "is", dimension: "visit:source", values: ["Google", "Bing"] },
      { operator: "contains_not", dimension: "event:props:plan,tier", values: HOSTILE },
      { operator: "is", dimension: "segment", values: ["3"] },
      { join: "none", of: [{ operator: "is", dimension: "event:page", values: HOSTILE }] },
    ],
    match: "any",
    tabs: { pages: "entry", sources: "utm_term" },
    property: "a&b",
    funnel: "2",
    journey: "from:/blog/**",
    open: "countries",
    settings: "goals",
    theme: "dark",
    embed: "12",
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
  const view = parseView("?range=tomorrow&metric=toString&compare=2026-02-30..2026-03-01&theme=pink&interval=year&f=is&f=is,event:page&f=like,event:page,/&f=is,secret,x&f=is,segment,abc");
  assert.deepEqual(view, HOME);
});

test("a clause survives whatever a visitor may have sent", () => {
  for (const value of HOSTILE) {
    const clause: Clause = { operator: "is", dimension: "event:page", values: [value, "/"] };
    assert.deepEqual(parseCondition(formatCondition(clause)), clause);
  }
});

const one = (dimension: string, ...values: string[]): Clause => ({ operator: "is", dimension, values });

test("groups of filters, one within another, survive in an address", () => {
  const inner: Condition = { join: "none", of: [one("visit:country", "DE"), one("event:page", ...HOSTILE, "any(", ");(")] };
  const group: Condition = { join: "any", of: [one("visit:source", "Google (ads)"), inner, one("segment", "7")] };
  assert.equal(formatCondition({ join: "any", of: [one("visit:os", "a;b"), one("visit:os", "c")] }), "any(is,visit:os,a\\;b;is,visit:os,c)");
  assert.deepEqual(parseCondition(formatCondition(group)), group);
  assert.deepEqual(parseView(formatView({ ...HOME, clauses: [group] })).clauses, [group]);
});

test("what is no group is none", () => {
  const deep = (depth: number): string => (depth === 0 ? "is,visit:os,a" : `all(${deep(depth - 1)})`);
  for (const text of ["any(", "any()", "any(is,visit:os,a", "any(is,visit:os,a))", "any(is,visit:os,a)x", "any(;)", "some(is,visit:os,a)", "any(is,visit:os)", deep(5), "all(".repeat(50_000)]) {
    assert.equal(parseCondition(text), null, text.slice(0, 40));
  }
  assert.ok(parseCondition(deep(4)));
});

test("groups are asked as the API nests them", () => {
  const clauses: Condition[] = [
    { join: "any", of: [one("visit:os", "a"), { join: "all", of: [one("visit:os", "b"), one("visit:os", "c")] }] },
    { join: "none", of: [one("visit:os", "d")] },
  ];
  const is = (value: string) => ["is", "visit:os", [value]];
  assert.deepEqual(askedFilters(clauses, "all"), [
    ["or", [is("a"), ["and", [is("b"), is("c")]]]],
    ["not", ["or", [is("d")]]],
  ]);
});

test("what was left open falls out of the filters", () => {
  const open = one("event:page", "");
  assert.deepEqual(tidied([open, { join: "any", of: [open, { join: "all", of: [open] }] }]), []);
  assert.deepEqual(tidied([{ join: "any", of: [one("visit:os", " a ", ""), open] }]), [one("visit:os", "a")]);
  const none: Condition = { join: "none", of: [one("visit:os", "a")] };
  assert.deepEqual(tidied([none, one("segment", "3")]), [none, one("segment", "3")]);
  assert.deepEqual(tidied([{ operator: "matches", dimension: "event:goal", values: ["a"] }]), [one("event:goal", "a")]);
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
  assert.deepEqual(toggled(once, [{ dimension: "visit:os", value: "Android" }])[1], one("visit:os", "Android"));
});
