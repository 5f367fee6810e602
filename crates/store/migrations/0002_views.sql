-- What tools for business intelligence read: views with names and columns that stay as they are (docs/bi.md).
--
-- They are views, so that they are never stale and cost no disk; a later migration may put faster ones under the same
-- names. day_utc is the day that the table's key is sorted by: a condition on it, on site_id or on the time reaches the
-- table through each view, and reads those rows alone.

-- The names of the sites, as the control data has them; a row is written for each change, and the newest counts.
CREATE TABLE IF NOT EXISTS {database}.site_names {on_cluster}
(
    site_id    UInt32 COMMENT 'the site, as numbered in the control data',
    domain     String COMMENT 'its domain',
    timezone   String COMMENT 'the IANA time zone that the operator gave the site; nothing about a visitor',
    changed_at DateTime64(6, 'UTC') COMMENT 'when it was written'
)
ENGINE = {merge_tree}
ORDER BY (site_id, changed_at);

CREATE VIEW IF NOT EXISTS {database}.sites {on_cluster}
(
    site_id  UInt32 COMMENT 'the number that stands in every other view',
    domain   String COMMENT 'domain, without www.',
    timezone String COMMENT 'IANA time zone of the site, in which its days begin'
)
AS SELECT site_id, latest.1 AS domain, latest.2 AS timezone
FROM (SELECT site_id, argMax((domain, timezone), changed_at) AS latest FROM {database}.site_names GROUP BY site_id);

-- One row a pageview.
CREATE VIEW IF NOT EXISTS {database}.pageviews {on_cluster}
AS SELECT
    site_id, timestamp, toDate(timestamp) AS day_utc, hostname, pathname, previous_hostname, previous_pathname,
    visitor_id, visit_id, visit_start, visit_sequence, entry_hostname, entry_pathname,
    channel, source, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term,
    country, language, device, browser, browser_version, os, os_version, props
FROM {database}.events
WHERE name = 'pageview';

-- One row a custom event.
CREATE VIEW IF NOT EXISTS {database}.custom_events {on_cluster}
AS SELECT
    site_id, timestamp, toDate(timestamp) AS day_utc, name, hostname, pathname,
    visitor_id, visit_id, visit_start, visit_sequence, entry_hostname, entry_pathname,
    channel, source, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term,
    country, language, device, browser, browser_version, os, os_version, props, revenue_amount, revenue_currency
FROM {database}.events
WHERE name NOT IN ('pageview', 'engagement');

-- One row a visit. Past the site's midnight its events carry another visitor_id, so that is not what it is grouped by.
CREATE VIEW IF NOT EXISTS {database}.visits {on_cluster}
AS SELECT
    site_id, visit_start, toDate(visit_start) AS day_utc, visit_id,
    argMin(e.visitor_id, e.visit_sequence) AS visitor_id,
    sum(e.bounces) AS bounces,
    sum(e.duration_seconds) AS duration_seconds,
    countIf(e.name = 'pageview') AS pageviews,
    countIf(e.name != 'engagement') AS events,
    sum(e.engagement_time_ms) AS engagement_time_ms,
    max(e.entry_hostname) AS entry_hostname,
    max(e.entry_pathname) AS entry_pathname,
    argMaxIf(e.hostname, e.visit_sequence, e.name = 'pageview') AS exit_hostname,
    argMaxIf(e.pathname, e.visit_sequence, e.name = 'pageview') AS exit_pathname,
    any(e.channel) AS channel, any(e.source) AS source, any(e.referrer) AS referrer,
    any(e.utm_source) AS utm_source, any(e.utm_medium) AS utm_medium, any(e.utm_campaign) AS utm_campaign,
    any(e.utm_content) AS utm_content, any(e.utm_term) AS utm_term,
    any(e.country) AS country, any(e.language) AS language, any(e.device) AS device,
    any(e.browser) AS browser, any(e.browser_version) AS browser_version, any(e.os) AS os, any(e.os_version) AS os_version
FROM {database}.events AS e
GROUP BY site_id, visit_start, visit_id;
