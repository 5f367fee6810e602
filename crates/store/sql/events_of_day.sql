-- store: events of one UTC day of a site, for an export
SELECT
    toUInt32(events.timestamp) AS timestamp,
    visitor_id, visit_id, name, hostname, pathname,
    referrer, source, channel, utm_source, utm_medium, utm_campaign, utm_content, utm_term, click_id,
    country, language, device, browser, browser_version, os, os_version,
    interactive, engagement_time_ms, scroll_depth,
    mapKeys(props)   AS prop_keys,
    mapValues(props) AS prop_values,
    toInt64(revenue_amount * 1000) AS revenue_thousandths,
    revenue_currency
FROM events
WHERE site_id = {site:UInt32} AND toDate(events.timestamp) = toDate({day:UInt32})
ORDER BY events.timestamp, visit_id, visit_sequence
