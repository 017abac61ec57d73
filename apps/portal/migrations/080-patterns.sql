-- The repository of a customer is opened before the customer's row, so that no customer ever stands without one;
-- hence these tables do not reference customers_customers.
create table patterns_metadata (
  customer uuid not null,
  name text not null check (name ~ '^([0-9]+\.)?[a-z-]+\.json$'),
  bytes bytea not null,
  stored_at timestamptz not null default now(),
  primary key (customer, name)
);
select tms_guard('patterns_metadata', array[]::text[]);

create table patterns_targets (
  customer uuid not null,
  path text not null,
  sha256 text not null,
  size_bytes bigint not null,
  blob_key text not null,
  primary key (customer, path)
);
select tms_guard('patterns_targets', array[]::text[]);

-- Versions in force, and the online keys (sealed). One row a customer: its lock serialises publishing.
create table patterns_repositories (
  customer uuid primary key,
  versions jsonb not null,
  snapshot_key text not null,
  timestamp_key text not null,
  timestamp_expires_at timestamptz not null,
  pattern_root text not null
);
select tms_guard('patterns_repositories', array['select']);

create table patterns_patterns (
  customer uuid not null,
  id text not null,
  version integer not null,
  title text not null,
  role text not null check (role in ('custom-act', 'custom-detect', 'regular')),
  case_id uuid,
  case_short_id text,
  state text not null,
  state_since timestamptz not null default now(),
  digest text not null,
  plan_digest text not null,
  target_path text not null,
  bytes bytea not null,
  endpoints uuid[] not null,
  "check" jsonb,
  proposed bytea,
  proposed_version integer,
  signatures_needed integer not null,
  drafted_by text not null,
  drafted_at timestamptz not null default now(),
  primary key (customer, id, version)
);
-- One next version per role and customer is open at a time: TUF signs the role file, not the pattern.
create unique index patterns_one_open on patterns_patterns (customer, role)
  where proposed is not null and state = 'waits-for-second-signature';
select tms_guard('patterns_patterns', array['select']);

create table patterns_signatures (
  customer uuid not null,
  id text not null,
  version integer not null,
  key_id text not null,
  name text not null,
  at timestamptz not null default now(),
  primary key (customer, id, version, key_id),
  foreign key (customer, id, version) references patterns_patterns (customer, id, version)
);
select tms_guard('patterns_signatures', array['select']);
