-- The link to the portal: the settings page's values and the registration they bought.

create table portal_link_settings (
  single boolean primary key default true check (single),
  settings jsonb not null,
  -- Sealed with the key of the secret box; never leaves the process.
  password_sealed text,
  password_kept_since timestamptz,
  saved_at timestamptz not null,
  -- While sending is off: since when, and an id that tells this time from others.
  disabled_since timestamptz,
  disabled_period uuid
);

create table portal_link_registration (
  single boolean primary key default true check (single),
  identity jsonb not null,
  customer_name text,
  user_name text not null,
  registered_at timestamptz not null
);

-- Which records were passed into the own spool, and since when the portal has them.
create table portal_link_spooled (
  id bigint generated always as identity primary key,
  record uuid not null unique,
  stream text not null,
  at_portal_since timestamptz
);
create index portal_link_spooled_waiting on portal_link_spooled (stream, id) where at_portal_since is null;

-- What was not sent while sending was off; it is declared as one gap a stream when sending goes on again.
create table portal_link_skipped (
  source uuid not null,
  stream text not null,
  epoch uuid not null,
  number bigint not null,
  count bigint not null,
  primary key (source, stream, epoch)
);
