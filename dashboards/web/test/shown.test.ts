import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer, Move } from "../src/api/types.ts";
import { Formats, knownLocale } from "../src/model/format.ts";
import { layOut, type Box } from "../src/model/journey.ts";
import { named } from "../src/model/period.ts";
import { seriesOf } from "../src/model/series.ts";

const english = new Formats("en-GB");
const german = new Formats("de-DE");

test("numbers are as long as they need to be, in the reader's language", () => {
  assert.equal(english.short("visitors", 9_999), "9,999");
  assert.equal(english.long("visitors", 1_234_567), "1,234,567");
  assert.equal(german.long("visitors", 1_234_567), "1.234.567");
  assert.equal(german.long("views_per_visit", 2.5), "2,5");
  assert.equal(english.short("percentage", 10), "10.0%");
  assert.equal(english.short("bounce_rate", 44), "44%");
  assert.equal(english.short("visit_duration", 99), "1m 39s");
  assert.equal(english.short("visit_duration", 3_900), "1h 5m");
  assert.equal(english.short("scroll_depth", null), "–");
  assert.equal(english.long("total_revenue", { value: 1234.5, currency: "EUR", short: "", long: "" }), "€1,234.50");
  assert.equal(english.long("total_revenue", { value: 3, currency: "nope!", short: "", long: "" }), "3 nope!");
  assert.equal(english.change("visitors", -12), "12%");
  assert.equal(english.change("bounce_rate", 1.5), "1.5 pts");
});

test("sizes are told in the unit that fits", () => {
  assert.equal(english.bytes(1_234), "1.2 kB");
  assert.equal(english.bytes(12_345_678), "12.3 MB");
});

test("codes get names, and what is no code stays as it is", () => {
  assert.equal(english.country("DE"), "Germany");
  assert.equal(german.country("DE"), "Deutschland");
  for (const odd of ["(not set)", "(fewer than 5)", "<b>", "D", ""]) {
    assert.equal(english.country(odd), odd);
    assert.equal(english.language(odd), odd === "D" ? "D" : odd);
  }
  assert.equal(english.language("pt-br"), "Brazilian Portuguese");
});

test("times are the site's own, whatever zone the browser is in", () => {
  assert.match(english.bucket("2026-03-29 23:00:00", "hour"), /29 Mar.*23:00/);
  assert.equal(english.bucket("2026-03-01", "month"), "March 2026");
  assert.equal(english.range(named("28d"), "2026-03-31"), "Last 28 days");
  assert.match(english.span("2026-03-03T00:00:00+01:00", "2026-03-30T23:59:59+02:00"), /^3\s?–\s?30 Mar 2026$/);
});

test("a browser's odd language is no reason to fail", () => {
  assert.equal(knownLocale("en-US@posix"), "en");
  assert.equal(knownLocale("pt-br"), "pt-BR");
});

function answer(rows: [string, number][], labels: string[], more: Partial<Answer["meta"]> = {}): Answer {
  return {
    results: rows.map(([label, value]) => ({ dimensions: [label], metrics: [value] })),
    meta: { time_labels: labels, ...more },
    query: { site_id: "example.com", date_range: ["", ""], dimensions: ["time:hour"] },
  };
}

const HOURS = ["2026-10-25 01:00:00", "2026-10-25 02:00:00", "2026-10-25 02:00:00", "2026-10-25 03:00:00"];

test("buckets without a row are zero, those of the future are nothing, and the present one is told", () => {
  const series = seriesOf(answer([[HOURS[0] ?? "", 4], [HOURS[2] ?? "", 2]], HOURS), "2026-10-25T02:10");
  assert.deepEqual(series.values, [4, 2, 0, null]);
  assert.equal(series.present, 2);
  assert.equal(series.interval, "hour");
  assert.equal(series.before, null);
});

test("buckets that were too small to be told are not told as zero", () => {
  const floor = { visitors: 5, reason: "filtered", rows_folded: true };
  const rows: [string, number][] = [[HOURS[0] ?? "", 9], ["(fewer than 5)", 6]];
  assert.deepEqual(seriesOf(answer(rows, HOURS, { privacy_floor: floor }), "2026-10-26T00:00").values, [9, null, null, null]);
});

test("the other period lies bucket by bucket behind this one", () => {
  const asked = answer([[HOURS[0] ?? "", 4]], HOURS.slice(0, 1), { comparison_time_labels: ["2026-10-24 01:00:00"] });
  const [row] = asked.results;
  if (row) row.comparison = { metrics: [7], dimensions: ["2026-10-24 01:00:00"], change: [-43] };
  assert.deepEqual(seriesOf(asked, "2026-10-26T00:00").before, { labels: ["2026-10-24 01:00:00"], values: [7] });
});

test("journeys keep every visitor: what is small is among the others, and the end of the visit comes last", () => {
  const box: Box = { width: 600, height: 300, bar: 10, gap: 10, pages: 2, end: "(exit)", folded: "(fewer than 5)" };
  const move = (step: number, from: string, to: string, visitors: number | null): Move => ({ step, from, to, visitors, visits: visitors });
  const moves = [
    move(1, "/", "/a", 50),
    move(1, "/", "(exit)", 30),
    move(1, "/b", "/c", 9),
    move(1, "/b", "/d", 8),
    move(1, "(fewer than 5)", "(fewer than 5)", 6),
    move(1, "/x", "/y", null),
  ];
  const { columns, flows } = layOut(moves, box);
  assert.deepEqual(columns[0]?.map(({ page, visitors }) => [page, visitors]), [["/", 80], ["/b", 17], [null, 6]]);
  assert.deepEqual(columns[1]?.map(({ page, visitors }) => [page, visitors]), [["/a", 50], ["/c", 9], [null, 14], ["(exit)", 30]]);
  assert.equal(flows.reduce((sum, { visitors }) => sum + visitors, 0), 103);
  for (const node of columns.flat()) assert.ok(node.y + node.height <= box.height + 1, `${node.page} ends at ${node.y + node.height}`);
  assert.deepEqual(layOut([], box), { columns: [], flows: [] });
});
