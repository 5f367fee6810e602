// The metrics as the dashboard shows them: one row each, and which of them a headline has under the filters.

import type { Metric } from "../api/types.ts";
import { narrowsToGoals, narrowsToPages, type Condition } from "./filters.ts";

/** A percent is whole; a share has a tenth, so that a column of them lines up. */
export type Form = "count" | "decimal" | "percent" | "share" | "seconds" | "money";

interface Facts {
  label: string;
  /** In the head of a narrow column. */
  short: string;
  form: Form;
  /** Whether more of it or less is the better. */
  better: "more" | "less";
  /** How a change is told: in percent, or in points where the metric is a percentage itself. */
  change: "percent" | "points";
}

const facts = (label: string, short: string, form: Form, more: Partial<Facts> = {}): Facts => ({
  label,
  short,
  form,
  better: "more",
  change: "percent",
  ...more,
});

export const METRICS: Record<Metric, Facts> = {
  visitors: facts("Visitors", "Visitors", "count"),
  visits: facts("Visits", "Visits", "count"),
  pageviews: facts("Pageviews", "Views", "count"),
  events: facts("Events", "Events", "count"),
  views_per_visit: facts("Views per visit", "Views/visit", "decimal"),
  bounce_rate: facts("Bounce rate", "Bounces", "percent", { better: "less", change: "points" }),
  visit_duration: facts("Visit duration", "Duration", "seconds"),
  time_on_page: facts("Time on page", "Time", "seconds"),
  scroll_depth: facts("Scroll depth", "Scroll", "percent"),
  exit_rate: facts("Exit rate", "Exit rate", "share", { better: "less", change: "points" }),
  percentage: facts("Share", "Share", "share"),
  conversion_rate: facts("Conversion rate", "CR", "share"),
  group_conversion_rate: facts("Conversion rate", "CR", "share"),
  total_revenue: facts("Revenue", "Revenue", "money"),
  average_revenue: facts("Average revenue", "Average", "money"),
};

const USUAL: Metric[] = ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"];
const OF_PAGES: Metric[] = ["visitors", "visits", "pageviews", "bounce_rate", "time_on_page", "scroll_depth"];
const OF_GOALS: Metric[] = ["visitors", "events", "conversion_rate", "visits", "bounce_rate", "visit_duration"];
const OF_REVENUE: Metric[] = ["visitors", "events", "conversion_rate", "total_revenue", "average_revenue", "visits"];

/** The six numbers on top. */
export function headline(clauses: Condition[], hasRevenue: boolean): Metric[] {
  if (narrowsToGoals(clauses)) return hasRevenue ? OF_REVENUE : OF_GOALS;
  return narrowsToPages(clauses) ? OF_PAGES : USUAL;
}

/** What the graph can show: the headline, and what else means something under the filters. */
export function graphable(clauses: Condition[], hasRevenue: boolean): Metric[] {
  const more: Metric[] = narrowsToGoals(clauses) ? ["pageviews"] : ["events"];
  return [...new Set([...headline(clauses, hasRevenue), ...more])];
}

/** What a metric is called where goals are filtered on: then visitors are those who met one. */
export function labelOf(metric: Metric, clauses: Condition[]): string {
  if (narrowsToGoals(clauses) && metric === "visitors") return "Converted visitors";
  if (narrowsToGoals(clauses) && metric === "events") return "Conversions";
  return METRICS[metric].label;
}
