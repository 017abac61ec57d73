-- A case id names one case of all customers: the console finds a case by it, and the mitigators make the ids. Were it
-- unique within a customer only, a second customer's product could open a case under a known id and so hide the first.
create unique index cases_cases_id on cases_cases (id);
