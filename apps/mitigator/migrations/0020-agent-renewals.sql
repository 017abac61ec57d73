-- A renewed key of an agent that was certified and not used yet; its first request ends the old key.
alter table agents_agents add column next_tls_spki text unique;
alter table agents_agents add column next_certificate_not_after timestamptz;
