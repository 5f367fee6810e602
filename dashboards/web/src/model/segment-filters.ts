// Filters of a segment as the builder's conditions, whoever made them.

import { DEPTH_MAX, isFilterable, isGroup, OPERATORS, SEGMENT, type Clause, type Condition, type Group, type Join } from "./filters.ts";

/** Filters that all have to hold, as a group; null where the builder has no words for one of them. */
export function conditionsOf(filters: readonly unknown[]): Group | null {
  const group = groupOf("all", filters, 0);
  const only = group?.of.length === 1 ? group.of[0] : undefined;
  return only && isGroup(only) && only.join !== "none" ? only : group;
}

function groupOf(join: Join, filters: unknown, depth: number): Group | null {
  if (!Array.isArray(filters) || depth > DEPTH_MAX) return null;
  const of = filters.map((filter) => conditionOf(filter, depth + 1));
  return of.every((one) => one !== null) ? { join, of } : null;
}

function conditionOf(filter: unknown, depth: number): Condition | null {
  if (!Array.isArray(filter)) return null;
  const [word, first] = filter as unknown[];
  if (word === "and") return groupOf("all", first, depth);
  if (word === "or") return groupOf("any", first, depth);
  // As the builder writes it, and for a single filter as people do.
  if (word === "not") return groupOf("none", Array.isArray(first) && first[0] === "or" ? first[1] : [first], depth);
  return clauseOf(filter);
}

function clauseOf([word, dimension, values, options]: unknown[]): Clause | null {
  const operator = OPERATORS.find(({ key }) => key === word)?.key;
  if (!operator || typeof dimension !== "string" || dimension === SEGMENT || !isFilterable(dimension)) return null;
  if (!Array.isArray(values) || !values.every((value) => typeof value === "string")) return null;
  const isSensitive = (options as { case_sensitive?: boolean } | undefined)?.case_sensitive ?? true;
  // What contains something does so in any case, and all else in this one.
  return isSensitive === !operator.startsWith("contains") ? { operator, dimension, values } : null;
}
