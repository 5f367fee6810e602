// What is shown as rows and comes from another route than plain questions: each list by its key in the address.

import type { Dimension, Funnel } from "./api/types.ts";
import type { List } from "./model/list.ts";
import { dashboard } from "./state.svelte.ts";

/** Moves of journeys, and pages in a row, that are shown. */
export const STEPS = 4;
const PATH_PAGES = 3;
const PATHS = 1_000;

/** What the origin of a conversion may be told by. */
export const ORIGINS = [
  { by: "visit:channel", label: "Channel" },
  { by: "visit:source", label: "Source" },
  { by: "visit:referrer", label: "Referrer" },
  { by: "visit:utm_campaign", label: "UTM campaign" },
  { by: "visit:utm_source", label: "UTM source" },
  { by: "visit:utm_medium", label: "UTM medium" },
] as const satisfies { by: Dimension; label: string }[];

/** Which of a visitor's visits on the day has earned the conversion. */
export const TOUCHES = [
  { key: "last", label: "Last touch" },
  { key: "first", label: "First touch" },
] as const;

/** What web vitals are called, as `Web Vitals` events carry them. */
export const VITALS = [
  { key: "lcp", label: "Largest contentful paint" },
  { key: "inp", label: "Interaction to next paint" },
  { key: "cls", label: "Cumulative layout shift" },
  { key: "fcp", label: "First contentful paint" },
  { key: "ttfb", label: "Time to first byte" },
] as const;
export const RATINGS = [
  { key: "good", label: "good", head: "Good" },
  { key: "needs-improvement", label: "to be improved", head: "To be improved" },
  { key: "poor", label: "poor", head: "Poor" },
] as const;

export interface ListOf {
  title: string;
  ask: (signal: AbortSignal) => Promise<List>;
}

export const LISTS: Readonly<Record<string, ListOf>> = {
  funnel: { title: "Funnel", ask: funnel },
  journeys: { title: "Journeys", ask: journeys },
  paths: { title: "Typical paths", ask: paths },
  returning: { title: "Visits of one visitor on one day", ask: returning },
  attribution: { title: "Where conversions came from", ask: attribution },
  vitals: { title: "Web vitals", ask: vitals },
  "vitals-pages": { title: "Web vitals by page", ask: vitalsByPage },
};

/** What every question of this kind is about. */
export function about() {
  return { site_id: dashboard.site?.domain, date_range: dashboard.dateRange, filters: dashboard.filters };
}

// ---- funnels ----

export function chosenFunnel(): Funnel | undefined {
  const { funnels } = dashboard.defined;
  return funnels.find(({ id }) => id === dashboard.view.funnel) ?? funnels[0];
}

export function askedFunnel({ steps, order, within }: Funnel) {
  const name = (id: string) => dashboard.defined.goals.find((goal) => goal.id === id)?.display_name ?? "";
  return {
    ...about(),
    steps: steps.map((id) => ({ goal: name(id) })),
    order,
    within,
  };
}

async function funnel(signal: AbortSignal): Promise<List> {
  const heads = ["Step", "Visitors", "Conversion %", "Went on %", "Left"];
  const chosen = chosenFunnel();
  if (!chosen) return { heads, numbers: 1, rows: [] };
  const { results } = await dashboard.client.funnel(askedFunnel(chosen), signal);
  const rows = results.map(({ step, visitors, conversion_rate, step_rate, dropped_off }) => [step, visitors, conversion_rate, step_rate, dropped_off]);
  return { heads, numbers: 1, rows };
}

// ---- journeys ----

export function askedJourney() {
  const { journey } = dashboard.view;
  const [, way, page] = /^(from|to):(.*)$/s.exec(journey) ?? [];
  return { ...about(), steps: STEPS, ...(way && { [way]: page }) };
}

async function journeys(signal: AbortSignal): Promise<List> {
  const { results } = await dashboard.client.journeys(askedJourney(), signal);
  const rows = results.map(({ step, from, to, visitors, visits }) => [String(step), from, to, visitors, visits]);
  return { heads: ["Step", "From", "To", "Visitors", "Visits"], numbers: 3, rows };
}

async function paths(signal: AbortSignal): Promise<List> {
  const { results } = await dashboard.client.paths({ ...about(), pages: PATH_PAGES, limit: PATHS }, signal);
  const rows = results.map(({ pages, visitors, visits }) => [pages.join(" → "), visitors, visits]);
  const note = "Pages that visitors saw one right after another. Paths of fewer visitors than the privacy floor are left out.";
  return { heads: ["Path", "Visitors", "Visits"], numbers: 1, rows, note };
}

async function returning(signal: AbortSignal): Promise<List> {
  const { results } = await dashboard.client.returning(about(), signal);
  const rows = results.map(({ visits_per_day, visitors, visits }) => [visits_per_day, visitors, visits]);
  const note =
    "A visitor is known for one day of the site's calendar. Whether anybody came back on another day is not stored and cannot be known.";
  return { heads: ["Visits on one day", "Visitors", "Visits"], numbers: 1, rows, note };
}

// ---- goals ----

/** What of attribution is chosen; it stands in the address as tabs do. */
export function attributed() {
  const { tabs } = dashboard.view;
  return {
    goal: tabs["attributed"] ?? dashboard.defined.goals[0]?.display_name ?? "",
    by: ORIGINS.find(({ by }) => by === tabs["origin"]) ?? ORIGINS[0],
    touch: TOUCHES.find(({ key }) => key === tabs["touch"]) ?? TOUCHES[0],
  };
}

async function attribution(signal: AbortSignal): Promise<List> {
  const { goal, by, touch } = attributed();
  const question = { ...about(), goal, by: by.by, touch: touch.key, within: "day" };
  const { results } = await dashboard.client.attribution(question, signal);
  const rows = results.map((row) => [String(row[by.by] ?? ""), row.visitors, row.conversions]);
  const note = `The visit that is credited is one of those that the visitor made on the same day: ${touch.key === "first" ? "the first" : "the one in which the goal was met"}.`;
  return { heads: [by.label, "Visitors", "Conversions"], numbers: 1, rows, note };
}

// ---- web vitals ----

/** Most rows of one answer. */
const VITAL_ROWS = 10_000;
const WEB_VITALS = ["is", "event:name", ["Web Vitals"]] as ["is", string, string[]];

/** Whether browsers have told any in the range. */
export async function collectsVitals(signal: AbortSignal): Promise<boolean> {
  const question = dashboard.question(["events"], [], { filters: [...dashboard.filters, WEB_VITALS] });
  return (await dashboard.client.query(question, signal)).results[0]?.metrics[0] !== 0;
}

/** The one that is told by page. */
export function chosenVital() {
  return VITALS.find(({ key }) => key === dashboard.view.tabs["vital"]) ?? VITALS[0];
}

async function vitalsByPage(signal: AbortSignal): Promise<List> {
  const { key, label } = chosenVital();
  const more = { filters: [...dashboard.filters, WEB_VITALS], pagination: { limit: VITAL_ROWS } };
  const { results, meta } = await dashboard.client.query(dashboard.question(["events"], ["event:page", `event:props:${key}`], more), signal);
  const untold = meta.privacy_floor?.rows_folded ? null : 0;
  const pages = new Map<string, (number | null)[]>();
  for (const { dimensions: [page = "", rating], metrics: [count] } of results) {
    const column = RATINGS.findIndex((one) => one.key === rating);
    // Of page loads that tell another vital alone, and of groups of too few, there is nothing to say.
    if (column < 0 || typeof count !== "number") continue;
    pages.set(page, (pages.get(page) ?? RATINGS.map(() => untold)).with(column, count));
  }
  const loads = (counts: (number | null)[]) => counts.reduce<number>((all, count) => all + (count ?? 0), 0);
  const rows = [...pages].map(([page, counts]) => [page, loads(counts), ...counts]);
  rows.sort(([, one], [, other]) => Number(other) - Number(one));
  const note = `${label}${untold === null ? ", without groups of fewer visitors than the privacy floor." : "."}`;
  return { heads: ["Page", "Page loads", ...RATINGS.map(({ head }) => head)], numbers: 1, rows, note };
}

async function vitals(signal: AbortSignal): Promise<List> {
  const filters = [...dashboard.filters, WEB_VITALS];
  const rated = await Promise.all(
    VITALS.map(async ({ key, label }) => {
      const question = dashboard.question(["events"], [`event:props:${key}`], { filters });
      const { results, meta } = await dashboard.client.query(question, signal);
      const count = (rating: string) => {
        const found = results.find(({ dimensions }) => dimensions[0] === rating)?.metrics[0];
        // What has no row was told by nobody, or by too few.
        return typeof found === "number" ? found : meta.privacy_floor?.rows_folded ? null : 0;
      };
      return [label, ...RATINGS.map((rating) => count(rating.key))];
    }),
  );
  const rows = rated.filter(([, ...counts]) => counts.some(Boolean));
  return { heads: ["Vital", ...RATINGS.map(({ head }) => head)], numbers: 1, rows };
}
