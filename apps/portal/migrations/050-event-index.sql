-- How far each stream is indexed, by the arrival number of its batches; the row's lock makes indexing serial per stream.
create table event_index_streams (
  customer uuid not null,
  product uuid not null,
  stream text not null,
  arrival bigint not null default 0,
  primary key (customer, product, stream),
  foreign key (customer, product) references registration_products (customer, id)
);
select tms_guard('event_index_streams', array[]::text[]);

-- What became of each batch: count = new_ids + repeated + kept_aside.
create table event_index_batches (
  customer uuid not null,
  batch uuid not null,
  product uuid not null,
  stream text not null,
  new_ids bigint not null,
  repeated bigint not null,
  kept_aside bigint not null,
  indexed_at timestamptz not null default now(),
  primary key (customer, batch),
  foreign key (customer, batch) references log_intake_batches (customer, id)
);
create index on event_index_batches (customer, product, stream);
select tms_guard('event_index_batches', array['select']);

create table event_index_kept_aside (
  customer uuid not null,
  batch uuid not null,
  number bigint not null,
  reason text not null,
  primary key (customer, batch, number),
  foreign key (customer, batch) references log_intake_batches (customer, id)
);
select tms_guard('event_index_kept_aside', array[]::text[]);

create table event_index_short_ids (
  customer uuid primary key,
  next bigint not null
);
select tms_guard('event_index_short_ids', array[]::text[]);
