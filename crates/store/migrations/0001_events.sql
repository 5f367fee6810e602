-- events: one row an event, the only table that reports read.
--
-- Visits are additive: a row carries what its event adds to its visit (visits, bounces, duration_seconds), so that
-- every visit metric is a sum; the attributes of the visit's first event stand on each of its rows.
-- Everything here is anonymous: no address, no user agent, nothing finer than a country or a second.
CREATE TABLE IF NOT EXISTS {database}.events {on_cluster}
(
    site_id           UInt32                  CODEC(ZSTD(1)) COMMENT 'the site, as numbered in the control data',
    timestamp         DateTime('UTC')         CODEC(Delta(4), ZSTD(1)) COMMENT 'when the beacon arrived, whole seconds',
    name              LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'pageview, engagement, or a custom name',
    hostname          LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'host of the page, without www.',
    pathname          LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'path of the page, identifiers replaced',

    visitor_id        UInt64                  CODEC(ZSTD(1)) COMMENT 'one pseudonym of one site-local day; its key is destroyed when that day has ended',
    visit_id          UInt64                  CODEC(ZSTD(1)) COMMENT 'the visit this event belongs to',
    visit_start       DateTime('UTC')         CODEC(Delta(4), ZSTD(1)) COMMENT 'time of the first event of the visit',
    visit_sequence    UInt32                  CODEC(Delta(4), ZSTD(1)) COMMENT 'number of the event within its visit, from 1, in arrival order',
    visits            UInt8                   CODEC(ZSTD(1)) COMMENT '1 on the first event of a visit, else 0',
    bounces           Int8                    CODEC(ZSTD(1)) COMMENT '+1 on the first interactive event of a visit, -1 on its second, else 0',
    duration_seconds  UInt32                  CODEC(ZSTD(1)) COMMENT 'seconds since the previous non-engagement event of the visit',
    entry_hostname    LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'host of the first pageview of the visit; blank before it',
    entry_pathname    LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'path of the first pageview of the visit; blank before it',
    previous_hostname LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'on a pageview: host of the pageview before it in the visit',
    previous_pathname LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'on a pageview: path of the pageview before it in the visit',

    referrer          LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'referring domain (host and path where the site chose so)',
    source            LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'name of the source; blank is direct',
    channel           LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'channel of the source',
    utm_source        LowCardinality(String)  CODEC(ZSTD(1)),
    utm_medium        LowCardinality(String)  CODEC(ZSTD(1)),
    utm_campaign      LowCardinality(String)  CODEC(ZSTD(1)),
    utm_content       LowCardinality(String)  CODEC(ZSTD(1)),
    utm_term          LowCardinality(String)  CODEC(ZSTD(1)),
    click_id          LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'name of the click-id parameter that was present, never its value',

    country           LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'ISO 3166-1 alpha-2; nothing finer exists',
    language          LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'first language tag',
    device            LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'Desktop, Laptop, Tablet or Mobile',
    browser           LowCardinality(String)  CODEC(ZSTD(1)),
    browser_version   LowCardinality(String)  CODEC(ZSTD(1)),
    os                LowCardinality(String)  CODEC(ZSTD(1)),
    os_version        LowCardinality(String)  CODEC(ZSTD(1)),

    interactive       Bool                    CODEC(ZSTD(1)) COMMENT 'whether a custom event counts against the bounce',
    engagement_time_ms UInt32                 CODEC(ZSTD(1)) COMMENT 'engagement events: milliseconds the page was visible since the last one',
    scroll_depth      UInt8                   CODEC(ZSTD(1)) COMMENT 'engagement events: greatest depth in percent; 255 is missing',
    props             Map(LowCardinality(String), String) CODEC(ZSTD(1)) COMMENT 'custom properties',
    revenue_amount    Decimal(18, 3)          CODEC(ZSTD(1)),
    revenue_currency  LowCardinality(String)  CODEC(ZSTD(1)) COMMENT 'ISO 4217; blank is no revenue',

    import_id         UInt32                  CODEC(ZSTD(1)) COMMENT 'the import that brought the row; 0 is a beacon',
    batch_id          UInt64                  CODEC(ZSTD(1)) COMMENT 'the batch that brought the row; reconciliation asks for it',

    INDEX visit_start_range visit_start TYPE minmax GRANULARITY 1,
    INDEX batch batch_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (site_id, toDate(timestamp), visitor_id, timestamp, visit_sequence)
SETTINGS index_granularity = 8192;
