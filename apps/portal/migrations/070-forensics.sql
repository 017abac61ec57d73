create table forensics_packages (
  customer uuid not null,
  id uuid not null,
  case_id uuid not null,
  product uuid not null,
  endpoint uuid not null,
  size_bytes bigint not null,
  received_bytes bigint not null default 0,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  state text not null check (state in ('uploading', 'complete', 'failed')),
  recipients text[] not null,
  blob_key text,
  uploaded_at timestamptz,
  announced_at timestamptz not null default now(),
  primary key (customer, id),
  foreign key (customer, case_id) references cases_cases (customer, id)
);
select tms_guard('forensics_packages', array[]::text[]);

-- Hash-chained from the first byte on: hash = SHA-256 over the previous hash and this entry.
create table forensics_custody (
  customer uuid not null,
  package uuid not null,
  seq integer not null,
  at timestamptz not null,
  who text not null,
  action text not null,
  detail text not null,
  hash text not null,
  primary key (customer, package, seq),
  foreign key (customer, package) references forensics_packages (customer, id)
);
select tms_guard('forensics_custody', array[]::text[]);
