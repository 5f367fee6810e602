-- One day's events, the same each time: visits of one to seven events, nine of ten on site 1.
INSERT INTO events (site_id, timestamp, name, hostname, pathname, visitor_id, visit_id, visit_start, visit_sequence,
    visits, bounces, duration_seconds, entry_hostname, entry_pathname, previous_hostname, previous_pathname,
    referrer, source, channel, country, language, device, browser, browser_version, os, os_version,
    engagement_time_ms, scroll_depth, batch_id)
WITH
    sipHash64(number, {day:UInt32}, 1) AS one,
    sipHash64(number, {day:UInt32}, 2) AS two,
    1 + one % 7 AS events_of_visit,
    {start:UInt32} + intDiv(one, 8) % 86000 AS began,
    (hashed, at) -> concat('/', ['blog', 'docs', 'products', 'help'][1 + at % 4], '/page-', toString(intDiv(hashed % 1000003, 1 + at % 977) % 2000)) AS deep,
    n -> if(sipHash64(one, n) % 5 = 0, '/', deep(sipHash64(two, n), sipHash64(one, n) % 1000)) AS path_of,
    n -> n > 1 AND n % 3 = 0 AS is_engagement
SELECT
    if(one % 10 = 0, 2 + two % 9, 1),
    toDateTime(began + (n - 1) * 40, 'UTC'),
    if(is_engagement(n), 'engagement', if(n % 5 = 0, 'Signup', 'pageview')),
    'www.example.com', path_of(if(is_engagement(n), n - 1, n)),
    sipHash64(intDiv(number * 2, 3), {day:UInt32}), one, toDateTime(began, 'UTC'), n,
    n = 1, if(n = 1, 1, if(n = 2, -1, 0)), if(n = 1 OR is_engagement(n), 0, if(is_engagement(n - 1), 80, 40)),
    'www.example.com', path_of(1),
    if(n > 1 AND n % 3 != 0 AND n % 5 != 0, 'www.example.com', ''), if(n > 1 AND n % 3 != 0 AND n % 5 != 0, path_of(n - 1), ''),
    ['', 'google.com', 'news.ycombinator.com', 'duckduckgo.com', 'example.net'][1 + two % 5] AS referring,
    ['', 'Google', 'Hacker News', 'DuckDuckGo', 'example.net'][1 + two % 5],
    ['Direct', 'Organic Search', 'Organic Social', 'Organic Search', 'Referral'][1 + two % 5],
    ['DE', 'FR', 'US', 'GB', 'NL', 'PL', 'IT', 'ES', 'SE', 'BR', 'IN', 'JP'][1 + intDiv(two, 5) % 12],
    ['de', 'fr', 'en-US', 'en', 'pt-BR'][1 + intDiv(two, 60) % 5],
    ['Desktop', 'Mobile', 'Tablet', 'Laptop'][1 + intDiv(two, 300) % 4],
    ['Chrome', 'Firefox', 'Safari', 'Edge'][1 + intDiv(two, 1200) % 4], toString(120 + intDiv(two, 4800) % 20),
    ['Windows', 'Mac', 'iOS', 'Android', 'Linux'][1 + intDiv(two, 96000) % 5], toString(10 + intDiv(two, 480000) % 6),
    if(is_engagement(n), 1000 + two % 60000, 0), if(is_engagement(n), 10 + two % 90, 255), {day:UInt32} + 1
FROM numbers({visits:UInt64}) ARRAY JOIN range(1, events_of_visit + 1) AS n
