-- Starts that another one followed, with the last heartbeat of each: `[{start, counter, contentDigest}]`, newest first.
-- A heartbeat of theirs that comes a second time is a retry too, and must change nothing.
alter table heartbeats_products add column earlier_starts jsonb not null default '[]';
