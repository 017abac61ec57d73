-- Endpoints as people see them: machines known by their agent's key.

create extension if not exists pg_trgm;

create table endpoints_endpoints (
  id uuid primary key,
  host text not null,
  address text not null,
  agent_version text not null,
  ready boolean not null default true,
  enrolled_at timestamptz not null,
  last_heartbeat_at timestamptz,
  connected_since timestamptz,
  pattern_requests integer not null default 0
);
create index endpoints_host_parts on endpoints_endpoints using gin (host gin_trgm_ops);
create index endpoints_address_parts on endpoints_endpoints using gin (address gin_trgm_ops);
