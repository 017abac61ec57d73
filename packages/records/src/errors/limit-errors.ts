import type { ErrorRow } from "./error-row.ts";

/** Limits of a portal per product and customer: each makes a sender wait, and none loses anything. */
export const LIMIT_ERRORS = {
  "limit.bytes_per_day": {
    status: 429,
    level: "info",
    text: "The portal takes no more logs and packages of this product or customer today.",
    cure: "Nothing is lost: it waits here and goes on after 00:00 UTC. Ask your provider for a higher limit if it stays so.",
  },
  "limit.package_size": {
    status: 429,
    level: "warn",
    text: "The forensic package is larger than the portal takes of this customer.",
    cure: "It is kept and offered again. Ask your provider for a higher limit, or collect less.",
  },
  "limit.requests_per_second": {
    status: 429,
    level: "info",
    text: "This product asks the portal more often than it may.",
    cure: "Nothing is lost: it slows down by itself. Look for a second program that uses its keys if it stays so.",
  },
} as const satisfies Record<string, ErrorRow>;
