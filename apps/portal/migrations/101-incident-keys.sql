-- In the portal an endpoint's key is (customer, product, endpoint): a product speaks for its own endpoints alone.
-- Null for incidents of before; nothing joins those any more.
alter table incidents_incidents add column product uuid;

-- What an event is recognised by: the threats and chains of an endpoint, each with the one incident that tells it.
-- A busy customer has hundreds of incidents on one endpoint; a look-up by key costs the same for the first and the last.
create table incidents_keys (
  customer uuid not null,
  product uuid not null,
  endpoint uuid not null,
  key uuid not null,
  incident uuid not null,
  primary key (customer, product, endpoint, key),
  foreign key (customer, incident) references incidents_incidents (customer, id)
);
select tms_guard('incidents_keys', array[]::text[]);
