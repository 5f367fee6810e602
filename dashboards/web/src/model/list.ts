// Rows that are here as a whole, as those of funnels and journeys are: searched, ordered and turned over in the page.

import type { Cell } from "./csv.ts";

export interface List {
  /** What stands over the columns; those from `numbers` on hold numbers. */
  heads: string[];
  numbers: number;
  rows: Cell[][];
  /** What has to be said of it. */
  note?: string;
}

export interface Order {
  column: number;
  way: "up" | "down";
}

/** The rows that hold a text, in order; what has no number comes last. */
export function arranged({ rows, numbers }: List, search: string, order: Order | null): Cell[][] {
  const wanted = search.trim().toLocaleLowerCase();
  const found = rows.filter((row) => row.slice(0, numbers).some((cell) => String(cell ?? "").toLocaleLowerCase().includes(wanted)));
  if (!order) return found;
  const sign = order.way === "up" ? 1 : -1;
  return found.toSorted((one, other) => {
    const [a, b] = [one[order.column] ?? null, other[order.column] ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}
