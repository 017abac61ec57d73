-- The key that signed a position, kept with it: a product that registers anew may sign the next ones with another.
alter table heartbeats_reports add column signing_key bytea;

-- The guard binds the owner too, so it is lifted for this statement.
alter table heartbeats_reports no force row level security;
alter table registration_products no force row level security;
update heartbeats_reports r set signing_key = p.signing_key from registration_products p
  where p.customer = r.customer and p.id = r.product;
alter table heartbeats_reports force row level security;
alter table registration_products force row level security;
alter table heartbeats_reports alter column signing_key set not null;

-- How often the product renewed its certificate since it registered.
alter table registration_products add column renewed_times integer not null default 0;
