create table customers_customers (
  customer uuid primary key,
  name text not null check (length(name) between 1 and 120),
  valid_until timestamptz not null,
  contact_email text,
  user_name text not null unique,
  password_hash text not null,
  pattern_root text not null check (pattern_root ~ '^[0-9a-f]{64}$'),
  demo_keys boolean not null,
  created_at timestamptz not null default now()
);
-- The provider adds customers, lists them and finds one by its user name at registration.
select tms_guard('customers_customers', array['select', 'insert', 'update']);
