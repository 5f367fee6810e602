-- Reports by entry page look for rows that do not know theirs yet, those before the first pageview of a visit. There are few or
-- none, and without an index each report would read the column to find that out. Parts from before it stay as they are until
-- they are merged.
ALTER TABLE {database}.events {on_cluster} ADD INDEX IF NOT EXISTS entry_pathname_range entry_pathname TYPE minmax GRANULARITY 1;
