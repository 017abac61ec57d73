import type { ErrorRow } from "./error-row.ts";

/** What `tms doctor` finds, and what whoever runs a server can put right. */
export const OPERATION_ERRORS = {
  "completeness.period_invalid": {
    status: 422,
    level: "info",
    text: "The period has no length, or begins in the future.",
    cure: "Choose a beginning before the end, and before now.",
  },
  "completeness.period_too_long": {
    status: 422,
    level: "info",
    text: "More batches arrived in this period than one certificate holds.",
    cure: "Ask for shorter periods, one after the other.",
  },
  "disk.low": {
    status: 507,
    level: "error",
    text: "Little space is left on the disk of the data directory.",
    cure: "Free space, or move the data directory to a larger disk.",
  },
  "clock.wrong": {
    status: 500,
    level: "error",
    text: "The clock of this machine is wrong.",
    cure: "Set the clock, and keep it right with NTP (systemd-timesyncd or chrony).",
  },
  "certificate.unreadable": {
    status: 500,
    level: "error",
    text: "A certificate or its key cannot be read.",
    cure: "Name a PEM certificate (its chain behind it) and its unencrypted PEM key, readable by this account.",
  },
  "certificate.pair_mismatch": {
    status: 500,
    level: "error",
    text: "A certificate and its key do not belong together.",
    cure: "Put both of one pair in place, at once.",
  },
  "certificate.expired": {
    status: 500,
    level: "error",
    text: "A certificate has expired.",
    cure: "Put a valid one in place; a running console takes it up by itself.",
  },
  "certificate.not_yet_valid": {
    status: 500,
    level: "error",
    text: "A certificate is not valid yet.",
    cure: "Check the clock of this machine, or wait for the certificate's first day.",
  },
  "certificate.ends_soon": {
    status: 500,
    level: "warn",
    text: "A certificate ends soon.",
    cure: "Put its successor in place in time; a running console takes it up by itself.",
  },
  "certificate.name_missing": {
    status: 500,
    level: "error",
    text: "A certificate does not name the address that people use.",
    cure: "Have a certificate issued for that name, or set publicHost to a name that it holds.",
  },
  "secret.key_missing": {
    status: 500,
    level: "error",
    text: "The key that sealed the stored secrets is gone.",
    cure: "Restore the secret key file from the backup (tms keys import), or name it by TMS_SECRET_KEY_FILE.",
  },
  "secret.key_exposed": {
    status: 500,
    level: "warn",
    text: "Others than its owner may read the key that seals secrets.",
    cure: "Take the rights away: chmod 600.",
  },
  "store.never_made": {
    status: 500,
    level: "info",
    text: "The server was never started: there is no database yet.",
    cure: "Start it once, then try again.",
  },
  "store.schema_newer": {
    status: 500,
    level: "error",
    text: "The database belongs to another version of the program.",
    cure: "Run the version that the database was migrated to, or restore the backup made before the update.",
  },
  "store.migrations_pending": {
    status: 500,
    level: "warn",
    text: "The database is of an older version of the program.",
    cure: "Back it up, then start the server: it migrates by itself.",
  },
  "store.rights_missing": {
    status: 500,
    level: "error",
    text: "The account of the database may not do what the server needs.",
    cure: "Give the owner CREATEROLE (alter role … createrole), or name an owner that has it.",
  },
  "start.port_forbidden": {
    status: 500,
    level: "error",
    text: "This account may not listen on the port.",
    cure: "Take a port from 1024 on, or give the service CAP_NET_BIND_SERVICE.",
  },
  "address.unreachable": {
    status: 502,
    level: "error",
    text: "The public address does not lead here.",
    cure: "Check publicHost, name server, firewall and port forwarding.",
  },
  "address.foreign": {
    status: 502,
    level: "error",
    text: "Something else answers at the public address.",
    cure: "Check publicHost and where its port is forwarded to.",
  },
  "doctor.nothing_configured": {
    status: 400,
    level: "info",
    text: "No configuration was named, and none lies in /etc/tms.",
    cure: "Name one: tms doctor --json --portal FILE, --mitigator FILE or --agent FILE.",
  },
} as const satisfies Record<string, ErrorRow>;
