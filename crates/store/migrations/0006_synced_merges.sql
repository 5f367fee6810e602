-- A merge or a mutation takes the place of parts that are removed minutes later, and so has to be on the disk itself by then. Some
-- file systems find out only at a sync that there is no room for what was written.
ALTER TABLE {database}.events {on_cluster} MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE {database}.daily {on_cluster} MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE {database}.daily_builds {on_cluster} MODIFY SETTING min_rows_to_fsync_after_merge = 1;
