-- Custom patterns that came for our endpoints, and how each deployment stands.

create table patterns_targets (
  path text primary key,
  sha256 text not null,
  pattern text not null,
  version integer not null,
  title text not null,
  plan_digest text not null,
  case_id uuid,
  expires_at timestamptz not null,
  seen_at timestamptz not null
);

create table patterns_deployments (
  pattern text not null,
  version integer not null,
  endpoint uuid not null,
  path text not null,
  host text not null,
  threat uuid not null,
  case_id uuid,
  state text not null,
  state_since timestamptz not null,
  downloaded_at timestamptz,
  applied_at timestamptz,
  steps jsonb not null default '[]',
  undo text not null default 'none',
  directive uuid,
  ordered_by text,
  last_record uuid,
  primary key (pattern, version, endpoint)
);
create index patterns_deployments_state on patterns_deployments (state);

-- Threat events that the mitigator itself originates; a row without spooled_at is still to be passed on.
create table patterns_outbox (
  id bigint generated always as identity primary key,
  record jsonb not null,
  spooled_at timestamptz
);
create index patterns_outbox_waiting on patterns_outbox (id) where spooled_at is null;
