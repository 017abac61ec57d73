create table reports_made (
  customer uuid not null,
  incident uuid not null,
  format text not null check (format in ('html', 'pdf')),
  sha256 text not null,
  blob_key text not null,
  note text,
  made_at timestamptz not null default now(),
  primary key (customer, incident, format)
);
select tms_guard('reports_made', array[]::text[]);
