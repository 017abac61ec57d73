-- When the product's logs leave, in its own words and by its own clock: shown, never used.
alter table heartbeats_products add column schedule jsonb;
