create table deployments_deployments (
  customer uuid not null,
  pattern_id text not null,
  pattern_version integer not null,
  endpoint uuid not null,
  case_id uuid,
  host text not null,
  state text not null,
  state_since timestamptz not null default now(),
  downloaded_at timestamptz,
  applied_at timestamptz,
  steps jsonb not null default '[]',
  undo text not null default 'none' check (undo in ('possible', 'done', 'none')),
  primary key (customer, pattern_id, pattern_version, endpoint),
  foreign key (customer, pattern_id, pattern_version) references patterns_patterns (customer, id, version)
);
select tms_guard('deployments_deployments', array[]::text[]);

create table deployments_seen (
  customer uuid not null,
  record uuid not null,
  primary key (customer, record)
);
select tms_guard('deployments_seen', array[]::text[]);
