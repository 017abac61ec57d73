-- What an agent trusts this mitigator by, as its last heartbeat said: who has confirmed a next CA.
alter table agents_agents add column trust jsonb;
