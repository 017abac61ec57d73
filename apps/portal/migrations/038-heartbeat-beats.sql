-- The counter of a product that keeps saying the same: written once a second for all products, like the time of its
-- arrival. The row of heartbeats_products is written only when something changes, and the newer of both counts.
alter table heartbeats_last_seen
  add column start text,
  add column counter bigint,
  add column content_digest text,
  add column clock_offset_ms double precision;

-- Answers are read for many products at once.
create policy provider_select on heartbeats_directives for select using (current_user like '%\_provider');
