-- What a product trusts the portal by, as its last heartbeat said: who has confirmed a next CA or SSH host key.
alter table heartbeats_products add column trust jsonb;
