create table incidents_counters (
  customer uuid primary key,
  next bigint not null default 1
);
select tms_guard('incidents_counters', array[]::text[]);

create table incidents_incidents (
  customer uuid not null references customers_customers (customer),
  id uuid not null,
  number bigint not null,
  endpoint uuid not null,
  host text not null,
  title text not null,
  severity text not null,
  state text not null check (state in ('new', 'in-progress', 'resolved', 'false-positive')),
  state_since timestamptz not null default now(),
  chains uuid[] not null,
  threats uuid[] not null,
  first_event_at timestamptz not null,
  last_event_at timestamptz not null,
  primary key (customer, id),
  unique (customer, number)
);
create index on incidents_incidents (customer, endpoint);
select tms_guard('incidents_incidents', array['select']);

create table incidents_events (
  customer uuid not null,
  record uuid not null,
  incident uuid not null,
  primary key (customer, record),
  foreign key (customer, incident) references incidents_incidents (customer, id)
);
create index on incidents_events (customer, incident);
select tms_guard('incidents_events', array['select']);
