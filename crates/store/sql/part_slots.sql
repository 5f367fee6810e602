-- store: whose rows are in these parts, by quarter of an hour of the event and of the start of its visit
SELECT
    _part AS part,
    site_id,
    intDiv(toUInt32(timestamp), 900) AS slot,
    intDiv(toUInt32(visit_start), 900) AS start_slot,
    count() AS rows,
    sum(cityHash64(visit_id, visit_sequence)) AS hash
FROM events
WHERE _part IN {parts:Array(String)}
GROUP BY part, site_id, slot, start_slot
SETTINGS max_threads = 1
