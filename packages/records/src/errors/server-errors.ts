import type { ErrorRow } from "./error-row.ts";

export const SERVER_ERRORS = {
  "server.internal": {
    status: 500,
    level: "error",
    text: "The server could not answer. Nothing was changed.",
    cure: "Try again; if it stays, give the request id to whoever runs the server.",
  },
  "request.malformed": {
    status: 400,
    level: "info",
    text: "The request does not have the expected form.",
    cure: "Correct the named fields and send it again.",
  },
  "request.too_large": {
    status: 413,
    level: "info",
    text: "The request is larger than this route accepts.",
    cure: "Send less at once.",
  },
  "request.rate_limited": {
    status: 429,
    level: "info",
    text: "Too many requests at once.",
    cure: "Wait for the time named in Retry-After, then try again.",
  },
  "request.not_found": {
    status: 404,
    level: "info",
    text: "There is nothing at this address.",
    cure: "Check the address.",
  },
  "request.foreign_origin": {
    status: 403,
    level: "warn",
    text: "The request came from another site.",
    cure: "Open the console itself and try again.",
  },
  "session.required": { status: 401, level: "info", text: "Nobody is logged on.", cure: "Log on, then try again." },
  "session.credentials_wrong": {
    status: 401,
    level: "info",
    text: "The user name and password do not belong together.",
    cure: "Check both; after several tries wait a minute.",
  },
  "session.throttled": {
    status: 429,
    level: "warn",
    text: "Too many wrong passwords.",
    cure: "Wait a minute, then try again.",
  },
  "session.forbidden": {
    status: 403,
    level: "info",
    text: "Your role does not allow this.",
    cure: "Ask an administrator.",
  },
  "setup.link_used": {
    status: 410,
    level: "info",
    text: "This set-up link was used or has expired.",
    cure: "Ask whoever runs the server for a new one: tms account reset NAME.",
  },
  "account.unknown": {
    status: 404,
    level: "info",
    text: "There is no account of this name.",
    cure: "Check the name; the details list those that there are.",
  },
  "account.name_taken": {
    status: 409,
    level: "info",
    text: "An account with this name exists.",
    cure: "Choose another name.",
  },
  "account.password_weak": {
    status: 422,
    level: "info",
    text: "The password is too short.",
    cure: "Use at least 12 characters.",
  },
  "secret.unreadable": {
    status: 500,
    level: "error",
    text: "A sealed value cannot be opened with the keys of this server.",
    cure: "Restore the secret key file that the database was sealed with.",
  },
  "store.disk_low": {
    status: 507,
    level: "warn",
    text: "The server has little disk space left and takes no more of this for now.",
    cure: "Nothing is lost: it is sent again. Whoever runs the server frees disk space.",
  },
  "confirmation.name_differs": {
    status: 422,
    level: "info",
    text: "The typed name is not the name of the thing.",
    cure: "Type the name exactly as it is shown.",
  },
} as const satisfies Record<string, ErrorRow>;
