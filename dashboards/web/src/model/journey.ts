// Journeys as columns of pages with flows between them, laid out in a box: values only, nothing is drawn here.

import type { Move } from "../api/types.ts";

export interface Node {
  /** What it is called; the rest of a column is `null`. */
  page: string | null;
  visitors: number;
  x: number;
  y: number;
  height: number;
}

export interface Flow {
  from: Node;
  to: Node;
  visitors: number;
  /** Where it leaves and arrives, from the top of the box. */
  start: number;
  end: number;
  height: number;
}

export interface Layout {
  columns: Node[][];
  flows: Flow[];
}

export interface Box {
  width: number;
  height: number;
  /** Width of a page's bar, and room between two of one column. */
  bar: number;
  gap: number;
  /** Pages of a column that are shown by themselves. */
  pages: number;
  /** What stands for the end of a visit: it comes last. */
  end: string;
  /** What stands for pages of too few visitors: they are among the others. */
  folded: string | null;
}

/** Moves whose numbers are held back are left out. */
export function layOut(moves: Move[], box: Box): Layout {
  const steps = Math.max(0, ...moves.map(({ step }) => step));
  if (steps === 0) return { columns: [], flows: [] };
  const counted = moves.filter((move) => move.visitors !== null);
  const totals = Array.from({ length: steps + 1 }, (_, column) => totalsOf(counted, column));
  const shown = totals.map((total) =>
    [...total]
      .filter(([page]) => page !== box.end && page !== box.folded)
      .sort(([one, a], [other, b]) => b - a || one.localeCompare(other))
      .slice(0, box.pages)
      .map(([page]) => page),
  );
  const most = Math.max(1, ...totals.map((total) => [...total.values()].reduce((sum, count) => sum + count, 0)));
  const room = box.height - box.gap * (box.pages + 1);
  const scale = Math.max(0, room) / most;
  const columns = totals.map((total, column) => place(total, shown[column] ?? [], column * ((box.width - box.bar) / steps), { box, scale }));
  return { columns, flows: connect(counted, columns, scale) };
}

/** Visitors of each page of a column. */
function totalsOf(moves: Move[], column: number): Map<string, number> {
  const total = new Map<string, number>();
  for (const { step, from, to, visitors } of moves) {
    // The first column is told by where its moves begin, the others by where moves arrive.
    const page = column === 0 ? (step === 1 ? from : null) : step === column ? to : null;
    if (page !== null) total.set(page, (total.get(page) ?? 0) + (visitors ?? 0));
  }
  return total;
}

function place(total: Map<string, number>, shown: string[], x: number, { box, scale }: { box: Box; scale: number }): Node[] {
  const others = [...total].filter(([page]) => !shown.includes(page) && page !== box.end);
  const rest = others.reduce((sum, [, count]) => sum + count, 0);
  const all: [string | null, number][] = shown.map((page) => [page, total.get(page) ?? 0]);
  if (rest > 0) all.push([null, rest]);
  const ended = total.get(box.end);
  if (ended !== undefined) all.push([box.end, ended]);
  let y = 0;
  return all.map(([page, visitors]) => {
    const node = { page, visitors, x, y, height: Math.max(1, visitors * scale) };
    y += node.height + box.gap;
    return node;
  });
}

function connect(moves: Move[], columns: Node[][], scale: number): Flow[] {
  const find = (column: number, page: string) =>
    columns[column]?.find((node) => node.page === page) ?? columns[column]?.find((node) => node.page === null);
  const joined = new Map<string, Flow>();
  for (const { step, from, to, visitors } of moves) {
    const [left, right] = [find(step - 1, from), find(step, to)];
    if (!left || !right) continue;
    const key = `${step}\n${left.page}\n${right.page}`;
    const flow = joined.get(key) ?? { from: left, to: right, visitors: 0, start: 0, end: 0, height: 0 };
    flow.visitors += visitors ?? 0;
    joined.set(key, flow);
  }
  const flows = [...joined.values()].sort((one, other) => one.from.y - other.from.y || one.to.y - other.to.y);
  const [left, right] = [new Map<Node, number>(), new Map<Node, number>()];
  for (const flow of flows) {
    flow.height = Math.max(0.5, flow.visitors * scale);
    flow.start = left.get(flow.from) ?? flow.from.y;
    left.set(flow.from, flow.start + flow.height);
  }
  for (const flow of [...flows].sort((one, other) => one.to.y - other.to.y || one.from.y - other.from.y)) {
    flow.end = right.get(flow.to) ?? flow.to.y;
    right.set(flow.to, flow.end + flow.height);
  }
  return flows;
}
