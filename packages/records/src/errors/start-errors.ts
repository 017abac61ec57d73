import type { ErrorRow } from "./error-row.ts";

export const START_ERRORS = {
  "start.port_in_use": {
    status: 500,
    level: "error",
    text: "A port is in use by another program.",
    cure: "End that program, or set another port. A demo takes free ones: npm start -- --fresh --any-ports.",
  },
  "start.directory_unwritable": {
    status: 500,
    level: "error",
    text: "The data directory cannot be written.",
    cure: "Choose another with TMS_DATA_DIR, or change its owner.",
  },
  "start.directory_full": {
    status: 500,
    level: "error",
    text: "The disk of the data directory is full.",
    cure: "Free space, or choose another directory with TMS_DATA_DIR.",
  },
  "start.directory_locked": {
    status: 500,
    level: "error",
    text: "Another start uses this data directory.",
    cure: "Stop it first, or choose another directory with TMS_DATA_DIR.",
  },
  "start.platform_unsupported": {
    status: 500,
    level: "error",
    text: "This platform is not supported by the embedded stores.",
    cure: "Use Linux on x64 or arm64, or name your own stores by TMS_DATABASE_URL and TMS_EVENT_STORE_URL.",
  },
  "start.package_missing": {
    status: 500,
    level: "error",
    text: "An optional native package is missing.",
    cure: "Run npm ci --ignore-scripts on this platform again.",
  },
  "start.config_invalid": {
    status: 500,
    level: "error",
    text: "The configuration is not valid.",
    cure: "Correct the named key.",
  },
  "start.store_failed": {
    status: 500,
    level: "error",
    text: "A store did not start.",
    cure: "Look at the store's log that the details name.",
  },
  "start.process_failed": {
    status: 500,
    level: "error",
    text: "A process ended before it was ready.",
    cure: "Look at the process's log that the details name.",
  },
  "start.account_missing": {
    status: 500,
    level: "error",
    text: "PostgreSQL refuses to run as root, and no unprivileged account could be made for it.",
    cure: "Make a system account tms-store, start as an ordinary user, or set TMS_DATABASE_URL.",
  },
  "store.unavailable": {
    status: 503,
    level: "error",
    text: "A store does not answer.",
    cure: "Wait; the server tries again by itself.",
  },
} as const satisfies Record<string, ErrorRow>;
