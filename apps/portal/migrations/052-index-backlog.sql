-- What waits for the index is counted over all customers, for the operator: the provider may read how far streams are.
create policy provider_select on log_intake_positions for select using (current_user like '%\_provider');
create policy provider_select on event_index_streams for select using (current_user like '%\_provider');
