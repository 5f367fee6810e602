"""Reads a server's events with clickhouse-connect, as an analyst's notebook does. Arguments: port, password."""

import datetime
import decimal
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

HOST, PORT, PASSWORD = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def connect(**more):
    access = {"host": HOST, "port": PORT, "username": "bi", "password": PASSWORD, "database": "passant"}
    return clickhouse_connect.get_client(**{**access, **more})


def equal(found, expected):
    assert found == expected, f"{found!r}, expected {expected!r}"


def refused(code, attempt):
    try:
        answer = attempt()
    except DatabaseError as error:
        assert f"code: {code}" in str(error).lower(), f"expected {code}: {error}"
        return str(error)
    raise AssertionError(f"expected {code}, answered {answer!r}")


client = connect()
assert client.ping()
assert client.server_version.split(".")[0].isdigit()

tables = {row[0] for row in client.query("SHOW TABLES").result_rows}
assert {"sites", "pageviews", "visits", "custom_events", "events"} <= tables, tables
columns = "SELECT name, type FROM system.columns WHERE database = 'passant' AND table = 'pageviews'"
assert ("pathname", "LowCardinality(String)") in client.query(columns).result_rows

equal(client.query("SELECT domain, timezone FROM sites").result_rows, [("example.com", "Europe/Berlin")])
by_server = "SELECT count() FROM pageviews WHERE pathname = {path:String} AND day_utc >= {day:Date}"
values = {"path": "/it's", "day": datetime.date(2026, 6, 1)}
equal(client.query(by_server, parameters=values).result_rows, [(2,)])
by_client = "SELECT count() FROM pageviews WHERE pathname = %(path)s"
equal(client.query(by_client, parameters=values, settings={"max_threads": 1}).result_rows, [(2,)])

typed = "SELECT name, props, revenue_amount, revenue_currency, timestamp, day_utc, visitor_id > 0 FROM custom_events"
at = datetime.datetime(2026, 6, 2, 8, 30)
equal(
    client.query(typed, query_tz=None).result_rows,
    [("Purchase", {"plan": "gold"}, decimal.Decimal("12.505"), "EUR", at, at.date(), 1)],
)
visits = "SELECT entry_pathname, exit_pathname, pageviews, duration_seconds, bounces FROM visits ORDER BY visit_start"
equal(client.query(visits).result_rows, [("/", "/it's", 2, 60, 0), ("/it's", "/it's", 1, 1800, 0)])

with client.query_rows_stream("SELECT number, toString(number) FROM numbers(300000)") as rows:
    equal(sum(number for number, _ in rows), 299_999 * 150_000)
for compress in ("lz4", "zstd", "gzip", False):
    equal(connect(compress=compress).query("SELECT count() FROM pageviews").result_rows, [(3,)])
equal(connect(session_id="a-notebook").command("SELECT count() FROM pageviews"), 3)

refused(516, lambda: connect(password="wrong"))
refused(164, lambda: connect(compress=False).insert("events", [[1]], column_names=["site_id"]))
for statement in (
    "DROP TABLE events",
    "DROP VIEW pageviews",
    "ALTER TABLE events DELETE WHERE 1",
    "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    "CREATE DATABASE mine",
    "INSERT INTO site_names SELECT 9, 'x', 'UTC', now64(6)",
):
    refused(164, lambda: client.command(statement))
for source in (
    "file('/etc/passwd', LineAsString, 'a String')",
    "url('http://127.0.0.1:1/', CSV, 'a String')",
    "remote('127.0.0.1', system.one)",
    "s3('http://127.0.0.1:1/a', CSV, 'a String')",
):
    refused(497, lambda: client.query(f"SELECT * FROM {source}"))
refused(60, lambda: client.query("SELECT * FROM default.events"))
refused(81, lambda: connect(database="other").query("SELECT * FROM events"))

endless = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
assert "TIMEOUT_EXCEEDED" in refused(159, lambda: client.query(endless, settings={"max_execution_time": 1}))
assert "MEMORY_LIMIT_EXCEEDED" in refused(241, lambda: client.query("SELECT groupArray(number) FROM numbers(100000000)"))
refused(452, lambda: client.query("SELECT 1 SETTINGS max_memory_usage = 0"))
equal(client.query("SELECT count() FROM pageviews").result_rows, [(3,)])
