-- Every table below is guarded by this function: row-level security by customer, forced, so that the owner is bound too.
-- The second argument lists what the provider's role may do across customers; an empty list means: nothing at all.
-- The role is told by its name's ending, because each database has roles of its own (<database>_provider).
create function tms_guard(guarded regclass, provider_may text[]) returns void language plpgsql as $$
declare
  verb text;
  is_provider constant text := $q$ current_user like '%\_provider' $q$;
begin
  execute format('alter table %s enable row level security', guarded);
  execute format('alter table %s force row level security', guarded);
  execute format(
    $p$create policy own_customer on %s using (customer = nullif(current_setting('tms.customer', true), '')::uuid)$p$,
    guarded);
  foreach verb in array provider_may loop
    if verb = 'insert' then
      execute format('create policy provider_insert on %s for insert with check (%s)', guarded, is_provider);
    else
      execute format('create policy provider_%s on %s for %s using (%s)', verb, guarded, verb, is_provider);
    end if;
  end loop;
end $$;
