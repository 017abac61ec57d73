-- The threat event log. Partitioned by the month of arrival, so that a sender's clock cannot scatter it.

create table threat_log_events (
  seq bigint generated always as identity,
  record uuid not null,
  number bigint not null,
  endpoint uuid not null,
  host text not null,
  threat uuid not null,
  chain uuid,
  kind text not null,
  status text not null,
  severity text not null,
  threat_name text not null,
  rule_id text not null,
  detail text,
  occurred_at timestamptz not null,
  -- The originator's own RFC 3339 text: microseconds and zone survive in it.
  occurred_text text not null,
  received_at timestamptz not null,
  clock_offset_ms double precision,
  body jsonb not null,
  primary key (record, received_at)
) partition by range (received_at);

create table threat_log_events_default partition of threat_log_events default;
create index threat_log_events_time on threat_log_events (received_at desc, seq desc);
create index threat_log_events_endpoint on threat_log_events (endpoint, received_at desc);
create index threat_log_events_threat on threat_log_events (threat, seq);

-- A partitioned table cannot hold a unique record id over all months; this one does.
create table threat_log_ids (
  record uuid primary key,
  received_at timestamptz not null
);

create table threat_log_counters (
  name text primary key,
  value bigint not null
);
insert into threat_log_counters values ('event', 0);

-- One row a threat: where it stands now.
create table threat_log_threats (
  threat uuid primary key,
  endpoint uuid not null,
  host text not null,
  threat_name text not null,
  rule_id text not null,
  severity text not null,
  status text not null,
  first_at timestamptz not null,
  status_since timestamptz not null,
  last_record uuid not null
);
create index threat_log_threats_status on threat_log_threats (status);
create index threat_log_threats_endpoint on threat_log_threats (endpoint);

create table threat_log_chain (
  record uuid primary key,
  chain uuid not null,
  threat uuid not null,
  endpoint uuid not null,
  received_at timestamptz not null,
  body jsonb not null
);
create index threat_log_chain_chain on threat_log_chain (chain);

-- The app role owns no table; this function alone makes the partition of a month, and nothing else.
create function threat_log_make_partition(day date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  month date := date_trunc('month', day)::date;
  name text := 'threat_log_events_' || to_char(month, 'YYYY_MM');
begin
  if to_regclass('public.' || name) is null then
    execute format(
      'create table %I partition of threat_log_events for values from (%L) to (%L)',
      name, to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
  end if;
end $$;
