create table log_intake_positions (
  customer uuid not null,
  product uuid not null,
  stream text not null,
  epoch uuid,
  next bigint not null default 0,
  head text,
  primary key (customer, product, stream),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('log_intake_positions', array[]::text[]);

-- Batch rows outlive blobs and events: every figure about completeness begins here.
create table log_intake_batches (
  customer uuid not null,
  id uuid not null,
  product uuid not null,
  stream text not null,
  epoch uuid not null,
  first bigint not null,
  count bigint not null check (count > 0),
  digest text not null check (digest ~ '^[0-9a-f]{64}$'),
  bytes bigint not null,
  blob_key text not null,
  readable boolean not null,
  gap jsonb,
  protocol text not null check (protocol in ('ssl', 'ssh')),
  received_at timestamptz not null,
  arrival bigint generated always as identity,
  primary key (customer, id),
  unique (customer, product, stream, digest),
  unique (customer, product, stream, epoch, first),
  foreign key (customer, product) references registration_products (customer, id)
);
create index on log_intake_batches (customer, product, stream, arrival);
select tms_guard('log_intake_batches', array['select']);
