// What is looked at: all of it stands in the address, so that back, forward, reload and a pasted link show the same.
//
// Invariant: parsing is total (what cannot be read is the default), and formatting leaves defaults out.

import type { Metric } from "../api/types.ts";
import { formatCondition, parseCondition, type Condition, type Match } from "./filters.ts";
import { METRICS } from "./metrics.ts";
import { formatRange, INTERVALS, named, parseRange, type Dates, type Interval, type Range } from "./period.ts";
import { themeOf, type Theme } from "./theme.ts";

/** What the range is compared with. */
export type Compare = (typeof COMPARES)[number] | Dates;

export interface View {
  /** Domain of the site; the first one, if empty. */
  site: string;
  range: Range;
  compare: Compare;
  /** Whether the compared period begins on the same day of the week. */
  weekdays: boolean;
  metric: Metric;
  /** Width of the graph's buckets; what suits the range, if null. */
  interval: Interval | null;
  clauses: Condition[];
  match: Match;
  /** The chosen tab of each panel that is not on its first. */
  tabs: Readonly<Record<string, string>>;
  /** Key of the property that is broken down. */
  property: string;
  /** Id of the funnel that is shown; the first, if empty. */
  funnel: string;
  /** The page that journeys start at or end at, as `from:/path`; where visits enter, if empty. */
  journey: string;
  /** The tab whose details are open, or `live`, `filters` or `export`. */
  open: string;
  /** The page of settings that is open in the place of the numbers. */
  settings: string;
  /** Light or dark, where the address says so; it is for pages in a frame. */
  theme: Theme | null;
  /** The link by which another site's page may frame this one. */
  embed: string;
}

export const HOME: View = {
  site: "",
  range: named("28d"),
  compare: "previous",
  weekdays: false,
  metric: "visitors",
  interval: null,
  clauses: [],
  match: "all",
  tabs: {},
  property: "",
  funnel: "",
  journey: "",
  open: "",
  settings: "",
  theme: null,
  embed: "",
};

const COMPARES = ["previous", "year", "none"] as const;
const TAB = "tab.";

export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const text = (key: string) => query.get(key) ?? "";
  const tabs = [...query].filter(([key]) => key.startsWith(TAB)).map(([key, value]) => [key.slice(TAB.length), value]);
  const metric = text("metric");
  return {
    site: text("site"),
    range: parseRange(text("range")) ?? HOME.range,
    compare: parseCompare(text("compare")),
    weekdays: text("weekdays") === "match",
    metric: Object.hasOwn(METRICS, metric) ? (metric as Metric) : HOME.metric,
    interval: INTERVALS.find((interval) => interval === text("interval")) ?? null,
    clauses: query.getAll("f").flatMap((text) => parseCondition(text) ?? []),
    match: text("match") === "any" ? "any" : "all",
    tabs: Object.fromEntries(tabs) as Record<string, string>,
    property: text("property"),
    funnel: text("funnel"),
    journey: text("journey"),
    open: text("open"),
    settings: text("settings"),
    theme: themeOf(text("theme")),
    embed: text("embed"),
  };
}

function parseCompare(text: string): Compare {
  const range = parseRange(text);
  if (range?.kind === "dates") return { from: range.from, to: range.to };
  return COMPARES.find((compare) => compare === text) ?? HOME.compare;
}

/** The comparison as the API takes it. */
export function askedComparison(compare: Exclude<Compare, "none">) {
  if (compare === "previous") return { mode: "previous_period" as const };
  if (compare === "year") return { mode: "year_over_year" as const };
  return { mode: "custom" as const, date_range: [compare.from, compare.to] };
}

export function formatView(view: View): string {
  const query = new URLSearchParams();
  const add = (key: string, value: string, usual = "") => {
    if (value !== usual) query.set(key, value);
  };
  add("site", view.site);
  add("range", formatRange(view.range), formatRange(HOME.range));
  add("compare", typeof view.compare === "string" ? view.compare : formatRange({ kind: "dates", ...view.compare }), "previous");
  add("weekdays", view.weekdays ? "match" : "");
  add("metric", view.metric, HOME.metric);
  add("interval", view.interval ?? "");
  for (const condition of view.clauses) query.append("f", formatCondition(condition));
  if (view.clauses.length > 1) add("match", view.match, HOME.match);
  for (const key of Object.keys(view.tabs).sort()) add(TAB + key, view.tabs[key] ?? "");
  add("property", view.property);
  add("funnel", view.funnel);
  add("journey", view.journey);
  add("open", view.open);
  add("settings", view.settings);
  add("theme", view.theme ?? "");
  add("embed", view.embed);
  // What needs no escaping in a query is left readable.
  const text = query.toString().replace(/%(3A|2F|2C|40|5C)/gi, (escaped) => (escaped === "%5C" ? escaped : decodeURIComponent(escaped)));
  return text ? `?${text}` : "";
}
