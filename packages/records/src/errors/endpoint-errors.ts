import type { ErrorRow } from "./error-row.ts";

export const ENDPOINT_ERRORS = {
  "cleanup.target_changed": {
    status: 409,
    level: "warn",
    text: "The object changed between the decision and the act; it was left as it is.",
    cure: "Scan again; the new state is judged anew.",
  },
  "cleanup.target_missing": {
    status: 404,
    level: "info",
    text: "The object is no longer there.",
    cure: "Nothing to do.",
  },
  "cleanup.target_protected": {
    status: 403,
    level: "warn",
    text: "The object is on the protected list.",
    cure: "Nothing was done; check the pattern.",
  },
  "cleanup.target_outside": {
    status: 403,
    level: "warn",
    text: "The object lies outside what this agent may touch.",
    cure: "Nothing was done; check the agent's confinement.",
  },
  "cleanup.not_regular_file": {
    status: 422,
    level: "warn",
    text: "The object is not a regular file.",
    cure: "Nothing was done; look at it by hand.",
  },
  "cleanup.line_not_found": {
    status: 404,
    level: "info",
    text: "The line is no longer in the file.",
    cure: "Nothing to do.",
  },
  "cleanup.process_differs": {
    status: 409,
    level: "info",
    text: "The process id belongs to another process now.",
    cure: "Nothing was done; the meant process has ended.",
  },
  "cleanup.still_present": {
    status: 409,
    level: "warn",
    text: "The verification found the threat still there.",
    cure: "Submit the case again.",
  },
  "cleanup.limit_reached": {
    status: 409,
    level: "warn",
    text: "The pattern's own limit was reached before it was done.",
    cure: "Issue a pattern with a wider limit, after a look at the endpoint.",
  },
  "undo.path_taken": {
    status: 409,
    level: "warn",
    text: "Something else stands where the object was.",
    cure: "Move it away, then undo again.",
  },
  "undo.file_changed": {
    status: 409,
    level: "warn",
    text: "The file changed since the cleanup, so the old line was not put back.",
    cure: "Put the line back by hand from the journal.",
  },
  "quarantine.damaged": {
    status: 422,
    level: "error",
    text: "The quarantine container does not verify.",
    cure: "Restore the file from a backup.",
  },
  "scan.timeout": {
    status: 504,
    level: "warn",
    text: "The scan of a file took too long and was ended.",
    cure: "Look at the named rule or file.",
  },
  "scan.engine_failed": {
    status: 500,
    level: "error",
    text: "The scan engine ended unexpectedly.",
    cure: "The agent starts it again; if it stays, reinstall the agent.",
  },
  "scan.too_large": {
    status: 413,
    level: "info",
    text: "The file is larger than the agent scans.",
    cure: "Raise the agent's limit, or look at the file by hand.",
  },
  "scan.input_unreadable": {
    status: 404,
    level: "info",
    text: "The file could not be read, or is not a regular file.",
    cure: "Nothing to do if it has gone; else check the agent's rights.",
  },
  "scan.rules_too_large": {
    status: 413,
    level: "warn",
    text: "There are more or larger rules than the scan engine takes.",
    cure: "Split the pattern.",
  },
  "telemetry.lost": {
    status: 500,
    level: "warn",
    text: "Telemetry events were lost.",
    cure: "Nothing to do: the gap is shown in the chain.",
  },
} as const satisfies Record<string, ErrorRow>;
