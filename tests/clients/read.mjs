// Reads a server's events with @clickhouse/client, as a service in Node does. Arguments: port, password.

import assert from 'node:assert/strict';
import { createClient } from '@clickhouse/client';

const [host, port, password] = process.argv.slice(2);
const connect = (more = {}) =>
  createClient({
    url: `http://${host}:${port}`, username: 'bi', password, database: 'passant', log: { level: 127 }, ...more,
  });
const refused = (type, attempt) => assert.rejects(attempt, (error) => {
  assert.equal(error.type, type, error.message);
  return true;
});

const client = connect();
const rows = async (query, query_params = {}, more = {}) =>
  (await client.query({ query, query_params, format: 'JSONEachRow', ...more })).json();

assert.equal((await client.ping()).success, true);
assert.equal((await client.ping({ select: true })).success, true);
const tables = (await rows('SHOW TABLES')).map((row) => row.name);
for (const view of ['sites', 'pageviews', 'visits', 'custom_events']) assert.ok(tables.includes(view), view);
assert.deepEqual(await rows('SELECT domain, timezone FROM sites'), [{ domain: 'example.com', timezone: 'Europe/Berlin' }]);

const narrow = 'SELECT count() AS views FROM pageviews WHERE pathname = {path:String} AND day_utc IN {days:Array(Date)}';
const values = { path: "/it's", days: ['2026-06-01', '2026-06-02'] };
assert.deepEqual(await rows(narrow, values), [{ views: 2 }]);

const typed = await client.query({
  query: 'SELECT name, props, revenue_amount, timestamp, day_utc, toUInt64(site_id) AS site FROM custom_events',
  format: 'JSON',
  clickhouse_settings: {
    date_time_output_format: 'iso', wait_end_of_query: 1, output_format_json_quote_64bit_integers: 1,
  },
});
const { meta, data } = await typed.json();
assert.deepEqual(meta.map((column) => column.type), [
  'LowCardinality(String)', 'Map(LowCardinality(String), String)', 'Decimal(18, 3)', "DateTime('UTC')", 'Date', 'UInt64',
]);
assert.deepEqual(data, [{
  name: 'Purchase', props: { plan: 'gold' }, revenue_amount: 12.505, timestamp: '2026-06-02T08:30:00Z',
  day_utc: '2026-06-02', site: '1',
}]);

for (const format of ['JSONCompact', 'JSONCompactEachRowWithNamesAndTypes', 'JSONStringsEachRow']) {
  const answer = await (await client.query({ query: 'SELECT count() AS visits FROM visits', format })).text();
  assert.match(answer, /\b2\b/, format);
}
let streamed = 0;
const many = await client.query({ query: 'SELECT number FROM numbers(300000)', format: 'JSONCompactEachRow' });
for await (const batch of many.stream()) streamed += batch.length;
assert.equal(streamed, 300_000);

for (const more of [{ compression: { response: true, request: true } }, { session_id: 'a-service' }]) {
  const other = connect(more);
  const answer = await other.query({ query: 'SELECT count() AS views FROM pageviews', format: 'JSONEachRow' });
  assert.deepEqual(await answer.json(), [{ views: 3 }]);
  await other.close();
}

const stranger = connect({ password: 'wrong' });
await refused('AUTHENTICATION_FAILED', () => stranger.query({ query: 'SELECT 1' }));
await stranger.close();
await refused('READONLY', () => client.insert({ table: 'events', values: [{ site_id: 1 }], format: 'JSONEachRow' }));
for (const query of ['DROP TABLE events', 'TRUNCATE TABLE events', 'CREATE DATABASE mine']) {
  await refused('READONLY', () => client.command({ query }));
}
await refused('ACCESS_DENIED', () => rows("SELECT * FROM file('/etc/passwd', LineAsString, 'a String')"));
await refused('ACCESS_DENIED', () => rows("SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')"));
await refused('UNKNOWN_TABLE', () => rows('SELECT * FROM default.events'));
const endless = 'SELECT sum(sipHash64(number)) AS sum FROM numbers(1000000000000)';
await refused('TIMEOUT_EXCEEDED', () => rows(endless, {}, { clickhouse_settings: { max_execution_time: 1 } }));
await refused('SETTING_CONSTRAINT_VIOLATION', () => rows(`${endless} SETTINGS max_execution_time = 0`));

const abort = new AbortController();
const broken = client.query({ query: endless, abort_signal: abort.signal });
abort.abort();
await assert.rejects(broken, /abort/);
assert.deepEqual(await rows('SELECT count() AS views FROM pageviews'), [{ views: 3 }]);
await client.close();
