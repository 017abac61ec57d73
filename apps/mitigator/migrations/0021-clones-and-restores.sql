-- Starts that another one followed, and what tells one installation of an agent from its copy (link: judge-start.ts).
alter table agents_agents add column earlier_starts jsonb not null default '[]';
alter table agents_agents add column watch jsonb;
-- Since when two installations are known to hold the identity; neither is served until it is enrolled anew.
alter table agents_agents add column cloned_at timestamptz;
