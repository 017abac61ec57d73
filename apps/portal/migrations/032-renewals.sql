-- Keys that a product was given a new certificate for and has not used yet. The first request with one ends the old key.
create table registration_renewals (
  customer uuid not null,
  product uuid not null,
  spki text not null unique check (spki ~ '^[0-9a-f]{64}$'),
  ssh_key bytea not null,
  ssh_fingerprint text not null,
  certificate_serial text not null,
  certificate_not_after timestamptz not null,
  asked_at timestamptz not null default now(),
  primary key (customer, product),
  foreign key (customer, product) references registration_products (customer, id)
);
-- Whose key it is is asked before the customer is known.
select tms_guard('registration_renewals', array['select']);
alter table heartbeats_directives drop constraint heartbeats_directives_kind_check;
alter table heartbeats_directives add constraint heartbeats_directives_kind_check
  check (kind in ('look-for-patterns', 'case-changed', 'send-now', 'renew'));
