-- What happens without asking.

create table tasks_settings (
  single boolean primary key default true check (single),
  on_threat text not null,
  on_pattern text not null
);
insert into tasks_settings values (true, 'assess-and-clean', 'automatic');
