-- What each product sent on each day in UTC, by this database's clock, over all nodes and both transports.
create table limits_usage (
  customer uuid not null,
  product uuid not null,
  day date not null,
  bytes bigint not null check (bytes >= 0),
  primary key (customer, day, product),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('limits_usage', array[]::text[]);

-- Limits of this customer that differ from the portal's.
alter table customers_customers add column limits jsonb not null default '{}';
