// How the values of a dimension are shown where the API gives codes.

import { formats } from "../model/format.ts";
import { SEGMENT, type Clause } from "../model/filters.ts";
import { dashboard } from "../state.svelte.ts";

export function shownValue(dimension: string, value: string): string {
  if (dimension === "visit:country") return formats.country(value);
  if (dimension === "visit:language") return formats.language(value);
  return value;
}

/** The values of a filter. */
export function shownValues({ dimension, values }: Clause): string[] {
  return dimension === SEGMENT ? segmentNames(values) : values.map((value) => shownValue(dimension, value));
}

/** The names of segments by their numbers. */
export function segmentNames(ids: string[]): string[] {
  return ids.map((id) => dashboard.defined.segments.find((segment) => String(segment.id) === id)?.name ?? `no. ${id}`);
}
