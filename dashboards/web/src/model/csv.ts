// Lines of CSV by RFC 4180, as the server writes them: a text that a spreadsheet would take for a formula is told as text.

export type Cell = string | number | null;

export function csvOf(heads: string[], rows: Cell[][]): string {
  return [heads, ...rows].map((cells) => `${cells.map(field).join(",")}\r\n`).join("");
}

function field(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
