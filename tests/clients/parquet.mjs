// Reads a Parquet file of events with an implementation that is not ours, and prints its rows as the export of lines has
// them; on the first line, how many groups of rows there are.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'

/** What a line leaves out. */
const UNSAID = { interactive: true, engagement_time: 0, scroll_depth: 255 }

const file = await asyncBufferFromFile(process.argv[2])
const { row_groups: groups } = await parquetMetadataAsync(file)
const lines = [{ row_groups: groups.length }]
for (const row of await parquetReadObjects({ file })) {
  const { timestamp, props, revenue_amount: amount, revenue_currency: currency, ...rest } = row
  const said = Object.entries(rest).filter(([key, value]) => value !== '' && value !== UNSAID[key])
  lines.push({
    timestamp: timestamp.toISOString().replace('.000', ''),
    ...Object.fromEntries(said),
    ...(Object.keys(props).length > 0 && { props }),
    ...(amount && { revenue: { amount, currency } })
  })
}
process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
