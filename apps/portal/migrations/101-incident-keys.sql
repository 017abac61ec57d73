-- What an event is recognised by: the threats and chains of an endpoint, each with the one incident that tells it.
-- A busy customer has hundreds of incidents on one endpoint; a look-up by key costs the same for the first and the last.
create table incidents_keys (
  customer uuid not null,
  endpoint uuid not null,
  key uuid not null,
  incident uuid not null,
  primary key (customer, endpoint, key),
  foreign key (customer, incident) references incidents_incidents (customer, id)
);
select tms_guard('incidents_keys', array[]::text[]);

-- Incidents of before: the guard binds the owner too, so it is lifted for this one statement.
alter table incidents_incidents no force row level security;
alter table incidents_keys no force row level security;
insert into incidents_keys (customer, endpoint, key, incident)
  select customer, endpoint, unnest(threats || chains), id from incidents_incidents order by number
  on conflict do nothing;
alter table incidents_incidents force row level security;
alter table incidents_keys force row level security;
