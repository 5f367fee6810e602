import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf } from "../src/model/csv.ts";
import { arranged, type List } from "../src/model/list.ts";

test("a spreadsheet is left nothing to run, and fields end where they should", () => {
  const rows = [["=1+1", 3], ["@SUM(A1)", null], ['say "hi", all', -2], ["\t=1", 0], ["/a=b", 1]];
  assert.equal(csvOf(["page", "visitors"], rows), "page,visitors\r\n'=1+1,3\r\n'@SUM(A1),\r\n\"say \"\"hi\"\", all\",-2\r\n'\t=1,0\r\n/a=b,1\r\n");
});

const LIST: List = { heads: ["From", "To", "Visitors"], numbers: 2, rows: [["/", "/a", 5], ["/b", "/", 9], ["/c", "/Blog", null]] };

test("rows are found by their texts and ordered by any column, those without a number last", () => {
  const first = (search: string, column: number, way: "up" | "down") => arranged(LIST, search, { column, way }).map(([from]) => from);
  assert.deepEqual(first("", 2, "down"), ["/b", "/", "/c"]);
  assert.deepEqual(first("", 2, "up"), ["/", "/b", "/c"]);
  assert.deepEqual(first("", 0, "up"), ["/", "/b", "/c"]);
  assert.deepEqual(first(" BLOG ", 2, "down"), ["/c"]);
  assert.deepEqual(arranged(LIST, "9", null), [], "numbers are not searched");
});
