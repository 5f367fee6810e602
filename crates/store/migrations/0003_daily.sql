-- daily: closed site-days added up, one row for each value of a dimension. Everything in it can be had from `events` again.
--
-- A visitor id lives for one site-local day, so visitors over several days are the sum of the days; event measures belong to the
-- day of the event, visit measures to the day on which the visit began. A row counts only if `daily_builds` lists its build.
CREATE TABLE IF NOT EXISTS {database}.daily {on_cluster}
(
    site_id          UInt32 COMMENT 'the site, as numbered in the control data' CODEC(ZSTD(1)),
    dimension        LowCardinality(String) COMMENT 'name of the dimension in the API; blank is the whole site' CODEC(ZSTD(1)),
    day              Date COMMENT 'site-local date' CODEC(ZSTD(1)),
    value            LowCardinality(String) COMMENT 'value of the dimension' CODEC(ZSTD(1)),
    build            UInt64 COMMENT 'the build that the row belongs to' CODEC(ZSTD(1)),
    has_events       UInt8 COMMENT '1 where events of the day have the value' CODEC(ZSTD(1)),
    has_visits       UInt8 COMMENT '1 where visits that began on the day have it' CODEC(ZSTD(1)),
    visitors         UInt64 COMMENT 'distinct visitors' CODEC(T64, ZSTD(1)),
    pageviews        UInt64 COMMENT 'events named pageview' CODEC(T64, ZSTD(1)),
    events           UInt64 COMMENT 'events other than engagement' CODEC(T64, ZSTD(1)),
    visits           UInt64 COMMENT 'visits that began on the day' CODEC(T64, ZSTD(1)),
    duration_seconds UInt64 COMMENT 'their durations' CODEC(T64, ZSTD(1)),
    bounces          Int64 COMMENT 'those of them that bounced' CODEC(T64, ZSTD(1))
)
ENGINE = {merge_tree}
ORDER BY (site_id, dimension, day, value)
-- A month of a dimension with five values is 150 rows: small granules keep its neighbours unread.
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- daily_builds: which builds are whole, and from which rows of `events` each was added up.
CREATE TABLE IF NOT EXISTS {database}.daily_builds {on_cluster}
(
    site_id         UInt32 COMMENT 'the site, as numbered in the control data' CODEC(ZSTD(1)),
    day             Date COMMENT 'site-local date' CODEC(ZSTD(1)),
    build           UInt64 COMMENT 'its number, later ones greater' CODEC(ZSTD(1)),
    starts          DateTime('UTC') COMMENT 'first second of the day' CODEC(ZSTD(1)),
    ends            DateTime('UTC') COMMENT 'first second after the day' CODEC(ZSTD(1)),
    source_rows     UInt64 COMMENT 'rows of events that it was built from' CODEC(ZSTD(1)),
    source_hash     UInt64 COMMENT 'sum of their hashes' CODEC(ZSTD(1)),
    shares_visitors UInt8 COMMENT '1 where its visitors are those of another day too, so that days cannot be added up' CODEC(ZSTD(1))
)
ENGINE = {merge_tree}
ORDER BY (site_id, day, build)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
