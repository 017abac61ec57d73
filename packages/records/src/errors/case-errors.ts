import type { ErrorRow } from "./error-row.ts";

export const CASE_ERRORS = {
  "case.unknown": { status: 404, level: "info", text: "There is no such case.", cure: "Check the case's id." },
  "case.differs": {
    status: 409,
    level: "warn",
    text: "A case with this id exists and says something else.",
    cure: "Submit it under a new id.",
  },
  "case.nothing_unresolved": {
    status: 409,
    level: "info",
    text: "No unresolved threat was named.",
    cure: "Choose an event whose threat is unresolved.",
  },
  "package.hash_mismatch": {
    status: 460,
    level: "warn",
    text: "The package that arrived is not the one that was announced.",
    cure: "Collect and send it again.",
  },
  "package.too_large": {
    status: 413,
    level: "info",
    text: "The package is larger than the portal accepts.",
    cure: "Collect less, or ask the provider to raise the limit.",
  },
  "package.unreadable": {
    status: 422,
    level: "warn",
    text: "The package cannot be opened with this key.",
    cure: "Use the identity of one of the named recipients.",
  },
  "package.name_unsafe": {
    status: 422,
    level: "warn",
    text: "The package holds a name that leads outside its folder.",
    cure: "Do not open it; tell whoever runs the endpoint.",
  },
  "package.unknown": { status: 404, level: "info", text: "There is no such package.", cure: "Check the case's page." },
  "incident.unknown": {
    status: 404,
    level: "info",
    text: "There is no such incident.",
    cure: "Check the incident's id.",
  },
  "report.failed": {
    status: 500,
    level: "error",
    text: "The report could not be made.",
    cure: "Try again; the HTML form of the report may be available.",
  },
  "customer.unknown": {
    status: 404,
    level: "info",
    text: "There is no such customer.",
    cure: "Check the customer's id.",
  },
  "customer.keys_invalid": {
    status: 422,
    level: "warn",
    text: "The key bundle is not a complete signed repository for this customer.",
    cure: "Use the file customer.public.json that tms keys customer wrote.",
  },
  "customer.exists": {
    status: 409,
    level: "info",
    text: "This customer exists.",
    cure: "Open it in the list of customers.",
  },
  "product.unknown": {
    status: 404,
    level: "info",
    text: "There is no such registered product.",
    cure: "Check the list of registered products.",
  },
  "event.unknown": {
    status: 404,
    level: "info",
    text: "There is no such threat event.",
    cure: "Check the threat event log.",
  },
  "endpoint.unknown": {
    status: 404,
    level: "info",
    text: "There is no such endpoint.",
    cure: "Check the list of endpoints.",
  },
} as const satisfies Record<string, ErrorRow>;
