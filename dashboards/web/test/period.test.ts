import assert from "node:assert/strict";
import { test } from "node:test";
import {
  askedRange,
  canonical,
  datesOf,
  formatRange,
  instantOf,
  intervalsOf,
  named,
  NAMED,
  parseRange,
  presentBucket,
  shift,
  siteTime,
  zoomed,
  type Range,
} from "../src/model/period.ts";

const TODAY = "2026-03-31";
const dates = (from: string, to: string): Range => ({ kind: "dates", from, to });

test("every range reads back as it was written", () => {
  const ranges: Range[] = [
    ...NAMED.map(({ key }) => named(key)),
    dates("2026-01-05", "2026-01-05"),
    dates("2025-12-30", "2026-01-05"),
    { kind: "minutes", from: "2026-01-05T09:00", to: "2026-01-05T11:59" },
  ];
  for (const range of ranges) assert.deepEqual(parseRange(formatRange(range)), range);
});

test("what is no range is none", () => {
  for (const text of ["", "8d", "2026-02-30", "2026-01-05..2026-01-04", "2026-01-05T25:00", "2026-01-05T10:61", "x..y", "2026-01-05.."]) {
    assert.equal(parseRange(text), null, text);
  }
});

test("named ranges are what the server takes them for", () => {
  const cases: [Range, string, string][] = [
    [named("day"), TODAY, TODAY],
    [named("7d"), "2026-03-24", "2026-03-30"],
    [named("28d"), "2026-03-03", "2026-03-30"],
    [named("month"), "2026-03-01", "2026-03-31"],
    [named("last_month"), "2026-02-01", "2026-02-28"],
    [named("12mo"), "2025-03-01", "2026-02-28"],
    [named("year"), "2026-01-01", "2026-12-31"],
  ];
  for (const [range, from, to] of cases) assert.deepEqual(datesOf(range, TODAY), { from, to });
  assert.equal(datesOf(named("all"), TODAY), null);
  assert.deepEqual(askedRange(named("yesterday"), TODAY, "UTC"), ["2026-03-30", "2026-03-30"]);
  assert.equal(askedRange(named("28d"), TODAY, "UTC"), "28d");
});

test("periods move by their own length, months and years by the calendar", () => {
  const cases: [Range, -1 | 1, string | null][] = [
    [named("day"), -1, "yesterday"],
    [named("yesterday"), 1, "day"],
    [named("day"), 1, null],
    [named("7d"), -1, "2026-03-17..2026-03-23"],
    [named("7d"), 1, null],
    [dates("2026-03-17", "2026-03-23"), 1, "7d"],
    [named("month"), -1, "last_month"],
    [dates("2026-02-01", "2026-02-28"), -1, "2026-01-01..2026-01-31"],
    [dates("2024-01-01", "2024-12-31"), -1, "2023-01-01..2023-12-31"],
    [dates("2025-01-01", "2025-12-31"), 1, "year"],
    [named("all"), -1, null],
  ];
  for (const [range, by, expected] of cases) {
    const moved = shift(range, by, TODAY);
    assert.equal(moved && formatRange(moved), expected, `${formatRange(range)} ${by}`);
  }
});

test("dates that have a name today are called by it", () => {
  assert.deepEqual(canonical({ from: "2026-03-01", to: "2026-03-31" }, TODAY), named("month"));
  assert.deepEqual(canonical({ from: "2026-03-02", to: "2026-03-31" }, TODAY), dates("2026-03-02", "2026-03-31"));
});

test("the site's clock is read in its own zone, on the days that have 23 or 25 hours too", () => {
  assert.equal(siteTime(Date.parse("2026-03-29T00:30:00Z"), "Europe/Berlin"), "2026-03-29T01:30");
  const cases: [string, string, string][] = [
    ["2026-03-29T01:30", "Europe/Berlin", "2026-03-29T00:30:00Z"],
    ["2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"],
    ["2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"],
    ["2026-07-01T00:00", "Asia/Kathmandu", "2026-06-30T18:15:00Z"],
    ["2026-07-01T00:00", "Pacific/Kiritimati", "2026-06-30T10:00:00Z"],
    ["2026-07-01T00:00", "America/St_Johns", "2026-07-01T02:30:00Z"],
  ];
  for (const [minute, zone, instant] of cases) assert.equal(instantOf(minute, zone), instant, `${minute} ${zone}`);
  const hours: Range = { kind: "minutes", from: "2026-03-29T09:00", to: "2026-03-29T10:59" };
  assert.deepEqual(askedRange(hours, TODAY, "Europe/Berlin"), ["2026-03-29T07:00:00Z", "2026-03-29T08:59:59Z"]);
});

test("a range has the widths of points that can be read", () => {
  assert.deepEqual(intervalsOf(named("day"), TODAY), ["hour"]);
  assert.deepEqual(intervalsOf(named("7d"), TODAY), ["day", "hour"]);
  assert.deepEqual(intervalsOf(named("91d"), TODAY), ["day", "week", "month"]);
  assert.equal(intervalsOf(named("12mo"), TODAY)[0], "month");
});

test("buckets span whole days, and no more than the range that they are in", () => {
  const month = { from: "2026-03-03", to: "2026-03-30" };
  assert.deepEqual(zoomed(["2026-03-05", "2026-03-09"], "day", month), dates("2026-03-05", "2026-03-09"));
  assert.deepEqual(zoomed(["2026-03-03", "2026-03-09"], "week", month), dates("2026-03-03", "2026-03-15"));
  assert.deepEqual(zoomed(["2026-03-30", "2026-03-30"], "week", month), dates("2026-03-30", "2026-03-30"));
  assert.deepEqual(zoomed(["2026-02-01", "2026-02-01"], "month", null), dates("2026-02-01", "2026-02-28"));
  assert.deepEqual(zoomed(["2026-03-05 09:00:00", "2026-03-05 11:00:00"], "hour", month), {
    kind: "minutes",
    from: "2026-03-05T09:00",
    to: "2026-03-05T11:59",
  });
});

test("the present is in one bucket, or in none", () => {
  const days = ["2026-03-29", "2026-03-30", "2026-03-31", "2026-04-01"];
  assert.equal(presentBucket(days, "day", "2026-03-31T08:15"), 2);
  assert.equal(presentBucket(days.slice(0, 2), "day", "2026-03-31T08:15"), -1);
  assert.equal(presentBucket(["2026-03-25", "2026-03-30"], "week", "2026-03-31T08:15"), 1);
  assert.equal(presentBucket(["2026-02-01", "2026-03-01"], "month", "2026-03-31T08:15"), 1);
  assert.equal(presentBucket(["2026-02-01"], "month", "2026-03-31T08:15"), -1);
  const hours = ["2026-03-31 07:00:00", "2026-03-31 08:00:00", "2026-03-31 09:00:00"];
  assert.equal(presentBucket(hours, "hour", "2026-03-31T08:15"), 1);
});
