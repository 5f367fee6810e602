-- events: one row an event, the only table that reports read.
--
-- Visits are additive: a row carries what its event adds to its visit (visits, bounces, duration_seconds), so that
-- every visit metric is a sum; the attributes of the visit's first event stand on each of its rows.
-- Everything here is anonymous: no address, no user agent, nothing finer than a country or a second.
CREATE TABLE IF NOT EXISTS {database}.events {on_cluster}
(
    site_id           UInt32 COMMENT 'the site, as numbered in the control data' CODEC(ZSTD(1)),
    timestamp         DateTime('UTC') COMMENT 'when the beacon arrived, whole seconds' CODEC(Delta(4), ZSTD(1)),
    name              LowCardinality(String) COMMENT 'pageview, engagement, or a custom name' CODEC(ZSTD(1)),
    hostname          LowCardinality(String) COMMENT 'host of the page, without www.' CODEC(ZSTD(1)),
    pathname          LowCardinality(String) COMMENT 'path of the page, identifiers replaced' CODEC(ZSTD(1)),

    visitor_id        UInt64 COMMENT 'one pseudonym of one site-local day; its key is destroyed when that day has ended' CODEC(ZSTD(1)),
    visit_id          UInt64 COMMENT 'the visit this event belongs to' CODEC(ZSTD(1)),
    visit_start       DateTime('UTC') COMMENT 'time of the first event of the visit' CODEC(ZSTD(1)),
    visit_sequence    UInt32 COMMENT 'number of the event within its visit, from 1, in arrival order' CODEC(DoubleDelta, ZSTD(1)),
    visits            UInt8 COMMENT '1 on the first event of a visit, else 0' CODEC(ZSTD(1)),
    bounces           Int8 COMMENT '+1 on the first interactive event of a visit, -1 on its second, else 0' CODEC(ZSTD(1)),
    duration_seconds  UInt32 COMMENT 'seconds since the previous non-engagement event of the visit' CODEC(T64, ZSTD(1)),
    entry_hostname    LowCardinality(String) COMMENT 'host of the first pageview of the visit; blank before it' CODEC(ZSTD(1)),
    entry_pathname    LowCardinality(String) COMMENT 'path of the first pageview of the visit; blank before it' CODEC(ZSTD(1)),
    previous_hostname LowCardinality(String) COMMENT 'on a pageview: host of the pageview before it in the visit' CODEC(ZSTD(1)),
    previous_pathname LowCardinality(String) COMMENT 'on a pageview: path of the pageview before it in the visit' CODEC(ZSTD(1)),

    referrer          LowCardinality(String) COMMENT 'referring domain (host and path where the site chose so)' CODEC(ZSTD(1)),
    source            LowCardinality(String) COMMENT 'name of the source; blank is direct' CODEC(ZSTD(1)),
    channel           LowCardinality(String) COMMENT 'channel of the source' CODEC(ZSTD(1)),
    utm_source        LowCardinality(String)  CODEC(ZSTD(1)),
    utm_medium        LowCardinality(String)  CODEC(ZSTD(1)),
    utm_campaign      LowCardinality(String)  CODEC(ZSTD(1)),
    utm_content       LowCardinality(String)  CODEC(ZSTD(1)),
    utm_term          LowCardinality(String)  CODEC(ZSTD(1)),
    click_id          LowCardinality(String) COMMENT 'name of the click-id parameter that was present, never its value' CODEC(ZSTD(1)),

    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; nothing finer exists' CODEC(ZSTD(1)),
    language          LowCardinality(String) COMMENT 'first language tag' CODEC(ZSTD(1)),
    device            LowCardinality(String) COMMENT 'Desktop, Laptop, Tablet or Mobile' CODEC(ZSTD(1)),
    browser           LowCardinality(String)  CODEC(ZSTD(1)),
    browser_version   LowCardinality(String)  CODEC(ZSTD(1)),
    os                LowCardinality(String)  CODEC(ZSTD(1)),
    os_version        LowCardinality(String)  CODEC(ZSTD(1)),

    interactive       Bool COMMENT 'whether a custom event counts against the bounce' CODEC(ZSTD(1)),
    engagement_time_ms UInt32 COMMENT 'engagement events: milliseconds the page was visible since the last one' CODEC(ZSTD(1)),
    scroll_depth      UInt8 COMMENT 'engagement events: greatest depth in percent; 255 is missing' CODEC(ZSTD(1)),
    props             Map(LowCardinality(String), String) COMMENT 'custom properties' CODEC(ZSTD(1)),
    revenue_amount    Decimal(18, 3)          CODEC(ZSTD(1)),
    revenue_currency  LowCardinality(String) COMMENT 'ISO 4217; blank is no revenue' CODEC(ZSTD(1)),

    import_id         UInt32 COMMENT 'the import that brought the row; 0 is a beacon' CODEC(ZSTD(1)),
    batch_id          UInt64 COMMENT 'the batch that brought the row; reconciliation asks for it' CODEC(ZSTD(1)),

    INDEX visit_start_range visit_start TYPE minmax GRANULARITY 1,
    INDEX batch batch_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(timestamp)
-- Not the bare timestamp: a key that has both would no longer be cut by the date.
ORDER BY (site_id, toDate(timestamp), visitor_id, visit_start, visit_sequence)
-- A part is on disk, directory entry included, before its INSERT is answered: then its segment is removed.
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1;
