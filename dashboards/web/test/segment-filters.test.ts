import assert from "node:assert/strict";
import { test } from "node:test";
import { askedFilters, type Clause, type Group } from "../src/model/filters.ts";
import { conditionsOf } from "../src/model/segment-filters.ts";

const page: Clause = { operator: "is", dimension: "event:page", values: ["/a", "/b"] };
const plan: Clause = { operator: "contains_not", dimension: "event:props:plan", values: ["big"] };

const asked = ({ join, of }: Group) => askedFilters(of, join === "any" ? "any" : "all");

test("filters that the builder made come back as they were put in", () => {
  const groups: Group[] = [
    { join: "all", of: [page] },
    { join: "all", of: [page, plan] },
    { join: "any", of: [page, plan] },
    { join: "all", of: [{ join: "none", of: [page] }] },
    { join: "any", of: [page, { join: "all", of: [plan, { join: "none", of: [page, plan] }] }] },
  ];
  for (const group of groups) assert.deepEqual(conditionsOf(asked(group)), group);
});

test("what a single filter is not, is none of a group", () => {
  const filters = [["not", ["is", "event:page", ["/a", "/b"]]], ["matches", "visit:country", ["^D"]]];
  const country: Clause = { operator: "matches", dimension: "visit:country", values: ["^D"] };
  assert.deepEqual(conditionsOf(filters), { join: "all", of: [{ join: "none", of: [page] }, country] });
});

test("what the builder cannot say is left alone", () => {
  const deep = (levels: number): unknown => (levels === 0 ? ["is", "event:page", ["/"]] : ["or", [deep(levels - 1)]]);
  for (const filter of [
    ["has_done", ["is", "event:page", ["/a"]]],
    ["or", [["is", "event:page", ["/a"]], ["has_not_done", ["is", "event:page", ["/b"]]]]],
    ["contains", "event:page", ["/a"]],
    ["is", "event:page", ["/a"], { case_sensitive: false }],
    ["is", "visit:region", ["DE-BE"]],
    ["is", "segment", [1]],
    ["is", "event:page"],
    "is",
    deep(6),
  ]) {
    assert.equal(conditionsOf([["is", "event:page", ["/a"]], filter]), null, JSON.stringify(filter));
  }
});
