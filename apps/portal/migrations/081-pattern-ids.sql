-- A pattern's id and version name one pattern of all customers: the console and the experts' tools find it by them. Were
-- they unique within a customer only, a draft under a known id could lead a signature to another customer's pattern.
create unique index patterns_patterns_id on patterns_patterns (id, version);
