-- The audit log: each entry carries the hash of the one before it.
create table audit_entries (
  number bigint primary key check (number > 0),
  id uuid not null unique,
  at text not null,
  actor text not null,
  action text not null,
  subject text not null,
  customer uuid,
  -- json, not jsonb: the very text is part of the hash.
  detail json not null,
  previous text not null,
  hash text not null
);
create index on audit_entries (customer, number);

-- One row: the lock that writers take in turn, and the end of the chain.
create table audit_head (
  only_one boolean primary key default true check (only_one),
  number bigint not null,
  hash text not null
);
insert into audit_head (number, hash) values (0, repeat('0', 64));
