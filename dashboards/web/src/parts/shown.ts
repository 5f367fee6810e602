// How the values of a dimension are shown where the API gives codes.

import { formats } from "../model/format.ts";

export function shownValue(dimension: string, value: string): string {
  if (dimension === "visit:country") return formats.country(value);
  if (dimension === "visit:language") return formats.language(value);
  return value;
}
