// Prints what each script and module weighs, and fails where one is over its budget.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const dist = path.join(import.meta.dirname, 'dist')

/** Most bytes of a file, gzipped; the scripts for Plausible's tags are the core and more. */
const BUDGETS = { passant: 1200, plausible: 2200, 'plausible-init': 3200, 'web-vitals': Infinity }
const MODULE = 900

let over = 0
console.log('                     raw   gzip  brotli  budget (gzip)')
for (const file of readdirSync(dist).filter((file) => file.endsWith('.js')).sort()) {
  const name = path.basename(file, '.js')
  const bytes = readFileSync(path.join(dist, file))
  const gzip = gzipSync(bytes, { level: 9 }).length
  const budget = BUDGETS[name] ?? MODULE
  const columns = [bytes.length, gzip, brotliCompressSync(bytes).length].map((size) => String(size).padStart(7)).join('')
  console.log(`${name.padEnd(17)}${columns}  ${budget === Infinity ? '-' : budget}${gzip > budget ? '  TOO LARGE' : ''}`)
  if (gzip > budget) over += 1
}
if (over) {
  console.error(`${over} over budget`)
  process.exit(1)
}
