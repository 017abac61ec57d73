-- How often products of this customer speak, and after which silence they are offline, where it differs from the default.
alter table customers_customers add column heartbeat jsonb not null default '{}';
