// Filters as the dashboard knows them: a flat list of clauses of which all or any hold, which is what chips can show.

import type { Filter } from "../api/types.ts";

/** Every operator: its name in the API, its words, and whether it may compare goals. */
export const OPERATORS = [
  { key: "is", label: "is", goals: true },
  { key: "is_not", label: "is not", goals: false },
  { key: "contains", label: "contains", goals: true },
  { key: "contains_not", label: "does not contain", goals: false },
  { key: "matches", label: "matches", goals: false },
  { key: "matches_not", label: "does not match", goals: false },
] as const;
export type Operator = (typeof OPERATORS)[number]["key"];

/** What can be filtered on, in the order of the menu; properties come beside, as `event:props:KEY`. */
export const FILTERABLE = [
  { dimension: "event:page", label: "Page" },
  { dimension: "visit:entry_page", label: "Entry page" },
  { dimension: "visit:exit_page", label: "Exit page" },
  { dimension: "event:hostname", label: "Hostname" },
  { dimension: "visit:channel", label: "Channel" },
  { dimension: "visit:source", label: "Source" },
  { dimension: "visit:referrer", label: "Referrer" },
  { dimension: "visit:utm_medium", label: "UTM medium" },
  { dimension: "visit:utm_source", label: "UTM source" },
  { dimension: "visit:utm_campaign", label: "UTM campaign" },
  { dimension: "visit:utm_content", label: "UTM content" },
  { dimension: "visit:utm_term", label: "UTM term" },
  { dimension: "visit:country", label: "Country" },
  { dimension: "visit:language", label: "Language" },
  { dimension: "visit:device", label: "Device" },
  { dimension: "visit:browser", label: "Browser" },
  { dimension: "visit:browser_version", label: "Browser version" },
  { dimension: "visit:os", label: "System" },
  { dimension: "visit:os_version", label: "System version" },
  { dimension: "event:goal", label: "Goal" },
] as const;

export const PROP = "event:props:";
export const SEGMENT = "segment";

export interface Clause {
  operator: Operator;
  /** A dimension of the API, or `segment` with numbers as values. */
  dimension: string;
  values: string[];
}

/** Whether all clauses have to hold, or one of them. */
export type Match = "all" | "any";

// ---- the address ---------------------------------------------------------------------------------------------------

/** `is,visit:source,Google,Bing`; a comma within a value is `\,`. */
export function formatClause({ operator, dimension, values }: Clause): string {
  return [operator, dimension, ...values].map((part) => part.replace(/[\\,]/g, "\\$&")).join(",");
}

export function parseClause(text: string): Clause | null {
  const parts: string[] = [""];
  for (const [token] of text.matchAll(/\\[^]|[^]/g)) {
    if (token === ",") parts.push("");
    else parts[parts.length - 1] += token.length === 2 && token.startsWith("\\") ? token.slice(1) : token;
  }
  const [word = "", dimension = "", ...values] = parts;
  const operator = OPERATORS.find(({ key }) => key === word)?.key;
  if (!operator || !isFilterable(dimension) || values.length === 0) return null;
  if (dimension === SEGMENT && (operator !== "is" || !values.every((value) => /^\d{1,15}$/.test(value)))) return null;
  return { operator, dimension, values };
}

function isFilterable(dimension: string): boolean {
  if (dimension.startsWith(PROP)) return dimension.length > PROP.length;
  return dimension === SEGMENT || FILTERABLE.some((known) => known.dimension === dimension);
}

// ---- the API -------------------------------------------------------------------------------------------------------

export function askedFilters(clauses: Clause[], match: Match): Filter[] {
  const asked = clauses.map(askedFilter);
  return match === "any" && asked.length > 1 ? [["or", asked]] : asked;
}

function askedFilter({ operator, dimension, values }: Clause): Filter {
  if (dimension === SEGMENT) return ["is", "segment", values.map(Number)];
  const loose = operator === "contains" || operator === "contains_not";
  return loose ? [operator, dimension, values, { case_sensitive: false }] : [operator, dimension, values];
}

// ---- changing ------------------------------------------------------------------------------------------------------

/** The clauses with these rows picked, or without them where exactly they were. */
export function toggled(clauses: Clause[], picked: { dimension: string; value: string }[]): Clause[] {
  const others = clauses.filter(
    ({ operator, dimension }) => operator !== "is" || !picked.some((one) => one.dimension === dimension),
  );
  if (picked.every(({ dimension, value }) => isPicked(clauses, dimension, value))) return others;
  return [...others, ...picked.map(({ dimension, value }) => ({ operator: "is" as const, dimension, values: [value] }))];
}

export function isPicked(clauses: Clause[], dimension: string, value: string): boolean {
  return clauses.some(
    (clause) => clause.operator === "is" && clause.dimension === dimension && clause.values.includes(value),
  );
}

/** Whether rows count conversions rather than visitors of pages: a goal or a property is filtered on. */
export function narrowsToGoals(clauses: Clause[]): boolean {
  return clauses.some(({ dimension }) => dimension === "event:goal");
}

export function narrowsToPages(clauses: Clause[]): boolean {
  return clauses.some(({ dimension }) => dimension === "event:page");
}

export function dimensionLabel(dimension: string): string {
  if (dimension.startsWith(PROP)) return dimension.slice(PROP.length);
  if (dimension === SEGMENT) return "Segment";
  return FILTERABLE.find((known) => known.dimension === dimension)?.label ?? dimension;
}

export function operatorLabel(operator: Operator): string {
  return OPERATORS.find(({ key }) => key === operator)?.label ?? operator;
}
