-- The link to the portal: the settings page's values and the registration they bought.

create table portal_link_settings (
  only boolean primary key default true check (only),
  sending boolean not null,
  settings jsonb not null,
  -- Sealed with the key of the secret box; never leaves the process.
  password_sealed text,
  password_kept_since timestamptz,
  disabled_since timestamptz,
  saved_at timestamptz not null
);

create table portal_link_registration (
  only boolean primary key default true check (only),
  product uuid not null,
  customer uuid not null,
  customer_name text,
  pattern_root text not null,
  identity jsonb not null,
  registered_at timestamptz not null,
  certificate_not_after timestamptz not null,
  pinned boolean not null
);

-- Which records of the threat event log went into which batch numbers of the own spool.
create table portal_link_spooled (
  record uuid primary key,
  stream text not null,
  epoch uuid not null,
  number bigint not null,
  at_portal_since timestamptz
);
create index portal_link_spooled_waiting on portal_link_spooled (stream, epoch, number) where at_portal_since is null;
