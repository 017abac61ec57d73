-- People who log on, their sessions, and the one-time links that let them set a password.
create table accounts_accounts (
  id uuid primary key,
  user_name text not null check (length(user_name) between 1 and 64),
  -- The name as compared: two names that differ only in case would fool a reader.
  name_key text not null unique,
  password_hash text not null,
  role text not null,
  created_at timestamptz not null default now(),
  password_set_at timestamptz not null default now()
);

create table accounts_sessions (
  token_sha256 bytea primary key check (length(token_sha256) = 32),
  account uuid not null references accounts_accounts (id) on delete cascade,
  kind text not null check (kind in ('cookie', 'bearer')),
  role text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index on accounts_sessions (account);
create index on accounts_sessions (expires_at);

create table accounts_setup_links (
  token_sha256 bytea primary key check (length(token_sha256) = 32),
  -- Null makes the first administrator; a name sets that account's password anew.
  account uuid references accounts_accounts (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
