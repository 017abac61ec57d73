-- Agents: enrolment, identities, heartbeats, directives, and the batches they sent.

create table agents_tokens (
  id uuid primary key,
  secret_sha256 text not null,
  allow text[] not null,
  uses integer not null,
  used integer not null default 0,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null
);

create table agents_agents (
  endpoint uuid primary key,
  product uuid not null unique,
  customer uuid not null,
  registration text not null,
  tls_spki text not null unique,
  signing_key text not null,
  instance_id uuid not null,
  allow text[] not null,
  certificate_not_after timestamptz not null,
  enrolled_at timestamptz not null,
  -- The last heartbeat that was taken in; a repeat of it is a retry and changes nothing.
  start_id uuid,
  counter bigint,
  heartbeat_digest text,
  clock_offset_ms double precision not null default 0
);

-- The epoch that the latest heartbeat announced, and every epoch that was ever opened: none opens twice.
create table agents_announced (
  product uuid not null,
  stream text not null,
  epoch uuid not null,
  sealed_to bigint not null,
  primary key (product, stream)
);

create table agents_epochs (
  product uuid not null,
  stream text not null,
  epoch uuid not null,
  opened_at timestamptz not null,
  primary key (product, stream, epoch)
);

create table agents_positions (
  product uuid not null,
  stream text not null,
  epoch uuid not null,
  next bigint not null,
  head text,
  primary key (product, stream)
);

-- A batch row without relayed_at is the job to pass its records on.
create table agents_batches (
  id bigint generated always as identity primary key,
  product uuid not null,
  endpoint uuid not null,
  stream text not null,
  epoch uuid not null,
  first bigint not null,
  count bigint not null,
  digest text not null,
  header jsonb not null,
  blob_key text not null,
  bytes bigint not null,
  readable boolean not null,
  clock_offset_ms double precision not null,
  received_at timestamptz not null,
  relayed_at timestamptz,
  unique (product, stream, digest)
);
create index agents_batches_waiting on agents_batches (id) where relayed_at is null;

create table agents_aside (
  batch bigint not null,
  number bigint not null,
  problem text not null,
  line text not null,
  primary key (batch, number)
);

create table agents_directives (
  id uuid primary key,
  endpoint uuid not null,
  kind text not null,
  payload jsonb not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  delivered_at timestamptz,
  outcome_at timestamptz,
  ok boolean,
  code text,
  detail text,
  -- Set once the slice that gave the order has heard of its outcome.
  handled_at timestamptz
);
create index agents_directives_waiting on agents_directives (endpoint, created_at) where outcome_at is null;
create index agents_directives_unheard on agents_directives (outcome_at) where handled_at is null;
