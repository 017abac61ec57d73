create table registration_products (
  customer uuid not null references customers_customers (customer),
  id uuid not null,
  kind text not null check (kind in ('mitigator', 'agent', 'foreign')),
  name text not null,
  host text not null,
  version text not null,
  address text not null,
  email text,
  instance_id text not null,
  registration text not null check (registration in ('registered', 'unconfirmed', 'may-only-renew', 'revoked', 'unregistered')),
  spki text not null unique check (spki ~ '^[0-9a-f]{64}$'),
  ssh_key bytea not null,
  ssh_fingerprint text not null,
  signing_key bytea not null,
  certificate_serial text not null,
  certificate_not_after timestamptz not null,
  registered_at timestamptz not null default now(),
  ended_at timestamptz,
  ended_by text,
  primary key (customer, id),
  unique (id)
);
create index on registration_products (customer, instance_id);
-- Who is speaking is asked before the customer is known; the console lists the products of all customers.
select tms_guard('registration_products', array['select']);
