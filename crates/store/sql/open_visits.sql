-- store: visits that may still go on, rebuilt after a restart
WITH
    recent AS
    (
        SELECT DISTINCT visit_id, visit_start
        FROM events
        WHERE timestamp >= toDateTime({since:UInt32}, 'UTC')
            AND import_id = 0
            AND NOT has({pending:Array(UInt64)}, batch_id)
    )
SELECT
    site_id,
    argMax(visitor_id, visit_sequence)                              AS visitor_id,
    visit_id,
    toUInt32(min(visit_start))                                      AS start,
    max(visit_sequence)                                             AS sequence,
    toUInt32(max(timestamp))                                        AS last_seen,
    toUInt32(maxIf(events.timestamp, name != 'engagement'))         AS last_event,
    toUInt8(least(countIf(name = 'pageview' OR (interactive AND name != 'engagement')), 2)) AS interactive_events,
    countIf(name = 'pageview') > 0                                  AS has_pageview,
    max(entry_hostname)                                             AS entry_hostname,
    max(entry_pathname)                                             AS entry_pathname,
    argMaxIf(hostname, visit_sequence, name = 'pageview')           AS last_hostname,
    argMaxIf(pathname, visit_sequence, name = 'pageview')           AS last_pathname,
    any(referrer)        AS referrer,
    any(source)          AS source,
    any(channel)         AS channel,
    any(utm_source)      AS utm_source,
    any(utm_medium)      AS utm_medium,
    any(utm_campaign)    AS utm_campaign,
    any(utm_content)     AS utm_content,
    any(utm_term)        AS utm_term,
    any(click_id)        AS click_id,
    any(country)         AS country,
    any(language)        AS language,
    any(device)          AS device,
    any(browser)         AS browser,
    any(browser_version) AS browser_version,
    any(os)              AS os,
    any(os_version)      AS os_version
FROM events
WHERE timestamp >= (SELECT min(visit_start) FROM recent)
    AND visit_id IN (SELECT visit_id FROM recent)
    AND import_id = 0
    AND NOT has({pending:Array(UInt64)}, batch_id)
GROUP BY site_id, visit_id
SETTINGS prefer_column_name_to_alias = 1
