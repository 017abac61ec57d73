-- Cases of this mitigator and the forensic packages on their way through it.

create table cases_cases (
  id uuid primary key,
  short_id text,
  endpoint uuid not null,
  host text not null,
  threat uuid not null,
  events uuid[] not null,
  note text not null,
  opened_by text not null,
  opened_at timestamptz not null,
  state text not null,
  state_since timestamptz not null,
  -- The state that the portal has confirmed; differing from `state` means: to be put.
  put_state text,
  change_number bigint not null default 0,
  pattern text,
  pattern_version integer,
  directive uuid not null,
  package uuid not null unique,
  package_sha256 text,
  package_bytes bigint,
  package_recipients text,
  package_received_at timestamptz,
  package_file text,
  sent_bytes bigint not null default 0,
  forwarded_at timestamptz,
  last_error text
);
create unique index cases_one_open_per_threat on cases_cases (threat)
  where state not in ('closed', 'closed-as-clean', 'withdrawn');
create index cases_opened on cases_cases (opened_at desc);
