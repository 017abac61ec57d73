create table cases_counters (
  customer uuid primary key,
  next_case bigint not null default 1,
  next_change bigint not null default 1
);
select tms_guard('cases_counters', array[]::text[]);

create table cases_cases (
  customer uuid not null references customers_customers (customer),
  id uuid not null,
  number bigint not null,
  product uuid not null,
  endpoint uuid not null,
  host text not null,
  threats uuid[] not null,
  events uuid[] not null,
  note text not null,
  opened_by text not null,
  opened_at timestamptz not null,
  state text not null,
  state_since timestamptz not null default now(),
  change_number bigint not null,
  updated_at timestamptz not null default now(),
  taken_by text,
  pattern_id text,
  pattern_version integer,
  primary key (customer, id),
  unique (customer, number),
  foreign key (customer, product) references registration_products (customer, id)
);
create index on cases_cases (customer, product, change_number);
select tms_guard('cases_cases', array['select']);

create table cases_timeline (
  customer uuid not null,
  case_id uuid not null,
  seq bigint generated always as identity,
  at timestamptz not null default now(),
  state text,
  text text not null,
  who text not null,
  detail text,
  primary key (customer, case_id, seq),
  foreign key (customer, case_id) references cases_cases (customer, id)
);
select tms_guard('cases_timeline', array[]::text[]);
