-- The proxy of Services › Proxy Settings; no row means none.
create table portal_link_proxy (
  single boolean primary key default true check (single),
  settings jsonb not null,
  -- Sealed with the key of the secret box; never leaves the process.
  password_sealed text,
  password_kept_since timestamptz,
  saved_at timestamptz not null
);

-- What passed by while sending was off, in order, for whoever ticks on enabling that it shall be sent after all.
create table portal_link_held (
  id bigint generated always as identity primary key,
  stream text not null,
  record jsonb not null
);
create index portal_link_held_stream on portal_link_held (stream, id);

-- Whether that was ticked; the sending of what was held may be interrupted and goes on by it.
alter table portal_link_settings add column send_meanwhile boolean not null default false;
