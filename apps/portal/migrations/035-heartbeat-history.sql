-- The raw facts of each product's history, by the portal's clock; what they mean is judged when they are read.

-- What a product said of itself, from each change on. A change within a minute of the last one takes its place.
create table heartbeats_changes (
  customer uuid not null,
  product uuid not null,
  at timestamptz not null default now(),
  start text not null,
  ready jsonb not null,
  sending text not null check (sending in ('on', 'disabled')),
  version text not null,
  host text not null,
  address text not null,
  primary key (customer, product, at),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('heartbeats_changes', array['select', 'delete']);

-- Times without any heartbeat that were long enough to be late; written with the heartbeat that ended each.
create table heartbeats_silences (
  customer uuid not null,
  product uuid not null,
  since timestamptz not null,
  until timestamptz not null,
  primary key (customer, product, since),
  foreign key (customer, product) references registration_products (customer, id),
  check (until > since)
);
select tms_guard('heartbeats_silences', array['select', 'insert', 'delete']);

-- The fullest that the spool was said to be in each quarter of an hour.
create table heartbeats_spool (
  customer uuid not null,
  product uuid not null,
  at timestamptz not null,
  bytes bigint not null check (bytes >= 0),
  primary key (customer, product, at),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('heartbeats_spool', array['select', 'insert', 'update', 'delete']);

-- A node that could not say that it serves did not serve: it begins a new period instead of bridging the hole.
alter table heartbeats_serving drop constraint heartbeats_serving_pkey;
alter table heartbeats_serving add primary key (node, since);
create policy provider_delete on heartbeats_serving for delete using (current_user like '%\_provider');
