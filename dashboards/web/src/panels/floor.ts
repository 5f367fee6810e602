// The row that stands for groups of too few visitors.

import type { Meta } from "../api/types.ts";

/** What it is called; null where no group was folded. */
export function floorLabel({ privacy_floor }: Meta): string | null {
  return privacy_floor?.rows_folded ? `(fewer than ${privacy_floor.visitors})` : null;
}
