-- Days that are over, added up, for other tools (docs/bi.md): one row a site, day of the site and value. They read the roll-ups of
-- reports (0003) at their newest builds, so their days begin where the site's do, and a year of them is read in milliseconds.

CREATE VIEW IF NOT EXISTS {database}.daily_rows {on_cluster}
AS SELECT site_id, dimension, day, value, has_events, has_visits, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily
WHERE (site_id, day, build) IN (SELECT site_id, day, max(build) FROM {database}.daily_builds GROUP BY site_id, day);

CREATE VIEW IF NOT EXISTS {database}.daily_totals {on_cluster}
AS SELECT site_id, day, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = '';

-- Of events: visits of a page or host are those that entered there.
CREATE VIEW IF NOT EXISTS {database}.daily_pages {on_cluster}
AS SELECT site_id, day, value AS pathname, visitors, pageviews, events, visits AS entries, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'event:page' AND has_events = 1;

CREATE VIEW IF NOT EXISTS {database}.daily_events {on_cluster}
AS SELECT site_id, day, value AS name, visitors, events
FROM {database}.daily_rows
WHERE dimension = 'event:name' AND has_events = 1 AND value != 'engagement';

CREATE VIEW IF NOT EXISTS {database}.daily_hostnames {on_cluster}
AS SELECT site_id, day, value AS hostname, visitors, pageviews, events, visits AS entries, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'event:hostname' AND has_events = 1;

-- Of visits.
CREATE VIEW IF NOT EXISTS {database}.daily_entry_pages {on_cluster}
AS SELECT site_id, day, value AS pathname, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:entry_page';

CREATE VIEW IF NOT EXISTS {database}.daily_exit_pages {on_cluster}
AS SELECT site_id, day, value AS pathname, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:exit_page';

CREATE VIEW IF NOT EXISTS {database}.daily_channels {on_cluster}
AS SELECT site_id, day, value AS channel, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:channel';

CREATE VIEW IF NOT EXISTS {database}.daily_sources {on_cluster}
AS SELECT site_id, day, value AS source, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:source';

CREATE VIEW IF NOT EXISTS {database}.daily_referrers {on_cluster}
AS SELECT site_id, day, value AS referrer, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:referrer';

CREATE VIEW IF NOT EXISTS {database}.daily_campaigns {on_cluster}
AS SELECT site_id, day, value AS utm_campaign, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:utm_campaign';

CREATE VIEW IF NOT EXISTS {database}.daily_countries {on_cluster}
AS SELECT site_id, day, value AS country, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:country';

CREATE VIEW IF NOT EXISTS {database}.daily_languages {on_cluster}
AS SELECT site_id, day, value AS language, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:language';

CREATE VIEW IF NOT EXISTS {database}.daily_devices {on_cluster}
AS SELECT site_id, day, value AS device, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:device';

CREATE VIEW IF NOT EXISTS {database}.daily_browsers {on_cluster}
AS SELECT site_id, day, value AS browser, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:browser';

CREATE VIEW IF NOT EXISTS {database}.daily_systems {on_cluster}
AS SELECT site_id, day, value AS os, visitors, pageviews, events, visits, bounces, duration_seconds
FROM {database}.daily_rows
WHERE dimension = 'visit:os';
