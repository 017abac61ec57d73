-- How far each stream's records went on to deployments, cases and incidents; behind `arrival`, never before it.
alter table event_index_streams add column handed_on bigint not null default 0;

-- What was indexed until now was handed on with it. The guard binds the owner too, so it is lifted for this statement.
alter table event_index_streams no force row level security;
update event_index_streams set handed_on = arrival;
alter table event_index_streams force row level security;
