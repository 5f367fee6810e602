-- Sites of before go on keeping their events until they are removed: an update erases nothing that nobody asked it to.
INSERT INTO settings (site_id, name, value) SELECT id, 'retention_months', 'unlimited' FROM sites;
