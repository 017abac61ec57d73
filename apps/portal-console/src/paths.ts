// Every address of this console, so that no screen glues one together.

export const paths = {
  customers: () => "#/customers",
  customer: (id: string) => `#/customers/${id}`,
  connectionDetails: (id: string) => `#/customers/${id}/connection-details`,
  products: (customer = "") => withCustomer("#/products", customer),
  product: (id: string) => `#/products/${id}`,
  incidents: (customer = "") => withCustomer("#/incidents", customer),
  incident: (id: string) => `#/incidents/${id}`,
  cases: (customer = "") => withCustomer("#/cases", customer),
  case: (id: string) => `#/cases/${id}`,
  patterns: (customer = "") => withCustomer("#/patterns", customer),
  pattern: (id: string, version: number) => `#/patterns/${id}/${version}`,
  events: (customer = "") => withCustomer("#/events", customer),
  compatibility: () => "#/compatibility",
  event: (customer: string, id: string) => `#/customers/${customer}/events/${id}`,
};

function withCustomer(path: string, customer: string): string {
  return customer === "" ? path : `${path}?customer=${customer}`;
}
