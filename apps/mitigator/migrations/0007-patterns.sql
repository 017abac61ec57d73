-- Custom patterns that came for our endpoints, and how each deployment stands.

-- Versions of target files that were judged; a target's path stays, its bytes change with the version.
create table patterns_targets (
  path text not null,
  sha256 text not null,
  -- null once it was taken in; else the code it was refused with.
  refused text,
  seen_at timestamptz not null,
  primary key (path, sha256)
);

create table patterns_deployments (
  pattern text not null,
  version integer not null,
  endpoint uuid not null,
  path text not null,
  sha256 text not null,
  title text not null,
  host text not null,
  threat uuid not null,
  -- The body that our own events about this deployment begin with.
  subject jsonb not null,
  state text not null,
  state_since timestamptz not null,
  downloaded_at timestamptz,
  applied_at timestamptz,
  steps jsonb not null default '[]',
  undo text not null default 'none',
  -- Made with the row, so that giving the order again after a crash gives it once.
  directive uuid not null,
  ordered_by text,
  primary key (pattern, version, endpoint)
);
create index patterns_deployments_state on patterns_deployments (state);
create index patterns_deployments_threat on patterns_deployments (threat);

-- Threat events that the mitigator itself originates; a row without passed_at is still to be passed on.
create table patterns_outbox (
  id bigint generated always as identity primary key,
  record jsonb not null,
  created_at timestamptz not null,
  passed_at timestamptz
);
create index patterns_outbox_waiting on patterns_outbox (id) where passed_at is null;
