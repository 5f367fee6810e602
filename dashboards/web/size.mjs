// Prints what the dashboard weighs, and fails where that is over its budgets.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const dist = path.join(import.meta.dirname, "dist");

/** Most bytes of JavaScript, gzipped: of the first view, and of everything. */
const FIRST_VIEW = 90 * 1024;
const ALL = 150 * 1024;

// The page names what its first view needs; the rest is loaded when it is wanted.
const page = readFileSync(path.join(dist, "index.html"), "utf8");
const scripts = readdirSync(path.join(dist, "assets")).filter((file) => file.endsWith(".js")).sort();
let [first, all] = [0, 0];
console.log("                               raw    gzip  brotli");
for (const file of scripts) {
  const bytes = readFileSync(path.join(dist, "assets", file));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  const isFirst = page.includes(file);
  all += gzip;
  if (isFirst) first += gzip;
  const columns = [bytes.length, gzip, brotliCompressSync(bytes).length].map((size) => String(size).padStart(8)).join("");
  console.log(`${file.padEnd(26)}${columns}  ${isFirst ? "first view" : ""}`);
}
const over = [
  ["first view", first, FIRST_VIEW],
  ["everything", all, ALL],
].filter(([what, size, budget]) => {
  console.log(`${what.padEnd(34)}${String(size).padStart(8)}  of ${budget}`);
  return size > budget;
});
if (over.length > 0) {
  console.error(`${over.length} over budget`);
  process.exit(1);
}
