create table heartbeats_products (
  customer uuid not null,
  product uuid not null,
  start text not null,
  counter bigint not null,
  content_digest text not null,
  started_at timestamptz not null default now(),
  version text not null,
  host text not null,
  address text not null,
  instance_id text not null,
  ready jsonb not null,
  sending text not null check (sending in ('on', 'disabled')),
  sending_since timestamptz not null default now(),
  ready_since timestamptz not null default now(),
  agents integer,
  clock_offset_ms double precision,
  primary key (customer, product),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('heartbeats_products', array['select']);

-- The hot row of every fleet: written once a second for all products in one statement, hence across customers.
create table heartbeats_last_seen (
  customer uuid not null,
  product uuid not null,
  at timestamptz not null,
  primary key (customer, product),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('heartbeats_last_seen', array['select', 'insert', 'update']);

-- When a status server was serving; silence counts only then. It belongs to no customer, so only the provider sees it.
create table heartbeats_serving (
  node uuid primary key,
  since timestamptz not null default now(),
  until timestamptz not null default now()
);
alter table heartbeats_serving enable row level security;
alter table heartbeats_serving force row level security;
create policy provider_select on heartbeats_serving for select using (current_user like '%\_provider');
create policy provider_insert on heartbeats_serving for insert with check (current_user like '%\_provider');
create policy provider_update on heartbeats_serving for update using (current_user like '%\_provider');

-- The sender's ledger: what it sealed, in its own signed words.
create table heartbeats_reports (
  customer uuid not null,
  product uuid not null,
  stream text not null,
  epoch uuid not null,
  sealed_to bigint not null check (sealed_to >= 0),
  head text,
  spooled_bytes bigint not null,
  oldest_at timestamptz,
  signature text not null,
  announced_at timestamptz not null default now(),
  reported_at timestamptz not null default now(),
  primary key (customer, product, stream, epoch),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('heartbeats_reports', array['select']);

create table heartbeats_directives (
  customer uuid not null,
  product uuid not null,
  id uuid not null,
  kind text not null check (kind in ('look-for-patterns', 'case-changed', 'send-now')),
  payload jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  acknowledged_at timestamptz,
  outcome jsonb,
  primary key (customer, id),
  foreign key (customer, product) references registration_products (customer, id)
);
create index on heartbeats_directives (customer, product) where acknowledged_at is null;
select tms_guard('heartbeats_directives', array[]::text[]);
