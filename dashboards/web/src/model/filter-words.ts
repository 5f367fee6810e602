// Filters of a segment in words, whoever made it and with whatever.

import { dimensionLabel, OPERATORS } from "./filters.ts";

const JOINTS: Readonly<Record<string, string>> = { and: " and ", or: " or " };
const ONES: Readonly<Record<string, string>> = { not: "not", has_done: "has done", has_not_done: "has not done" };

/** Filters that all have to hold, as one line. */
export function filtersInWords(filters: readonly unknown[]): string {
  return filters.map(filterInWords).join(" and ");
}

function filterInWords(filter: unknown): string {
  if (!Array.isArray(filter)) return JSON.stringify(filter);
  const [operator, first, values] = filter as unknown[];
  const joint = JOINTS[String(operator)];
  if (joint && Array.isArray(first)) return `(${first.map(filterInWords).join(joint)})`;
  const one = ONES[String(operator)];
  if (one) return `${one} (${filterInWords(first)})`;
  const known = OPERATORS.find(({ key }) => key === operator);
  if (!known || typeof first !== "string" || !Array.isArray(values)) return JSON.stringify(filter);
  return `${dimensionLabel(first)} ${known.label} ${values.map(String).join(" or ")}`;
}
