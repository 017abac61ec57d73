-- What tells one installation from its copy, and which start waits for what the one in force does (link: judge-start.ts).
alter table heartbeats_products add column watch jsonb;
-- Since when two installations are known to hold the identity; neither is served until it is registered anew.
alter table registration_products add column cloned_at timestamptz;
