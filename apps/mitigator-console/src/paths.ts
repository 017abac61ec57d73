// Every address of this console, so that no screen glues one together.

export const paths = {
  home: () => "#/",
  events: (host = "") => (host === "" ? "#/events" : `#/events?host=${encodeURIComponent(host)}`),
  event: (id: string) => `#/events/${id}`,
  endpoints: () => "#/endpoints",
  cases: () => "#/cases",
  patterns: () => "#/patterns",
  mitigationSettings: () => "#/mitigation-settings",
  portal: () => "#/services/portal",
  connection: () => "#/services/portal/connection",
  compatibility: () => "#/services/portal/compatibility",
  proxy: () => "#/services/proxy",
};
