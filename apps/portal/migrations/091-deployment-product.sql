-- A product speaks for its own endpoints alone: what another one of the same customer tells of them counts for nothing.
-- Null where a pattern has no case: then the product that speaks first of it is meant.
alter table deployments_deployments add column product uuid;

-- The guard binds the owner too, so it is lifted for this statement.
alter table deployments_deployments no force row level security;
alter table cases_cases no force row level security;
update deployments_deployments d set product = c.product from cases_cases c
  where c.customer = d.customer and c.id = d.case_id;
alter table deployments_deployments force row level security;
alter table cases_cases force row level security;
