import type { ErrorRow } from "./error-row.ts";

/** Of the `tms` command; their status says nothing over HTTP and is there because every row has one. */
export const CLI_ERRORS = {
  "cli.usage": {
    status: 400,
    level: "info",
    text: "The command was called in a way it does not know.",
    cure: "Look at its usage: tms help.",
  },
  "cli.command_unknown": {
    status: 400,
    level: "info",
    text: "This version has no such command.",
    cure: "See those that it has: tms help.",
  },
  "cli.input_unreadable": {
    status: 422,
    level: "info",
    text: "An input of the command cannot be read.",
    cure: "Check the named file.",
  },
  "cli.output_exists": {
    status: 409,
    level: "info",
    text: "The output is there already, and nothing is overwritten.",
    cure: "Name another one, or remove it.",
  },
  "pattern.goodware_too_small": {
    status: 422,
    level: "info",
    text: "There are too few known good files to judge the rules by.",
    cure: "Name a folder with at least 1,000 files by --goodware.",
  },
  "pattern.dry_run_empty": {
    status: 422,
    level: "info",
    text: "No step of the pattern would have found anything in the package.",
    cure: "Check that rules and package belong together.",
  },
  "verify.root_missing": {
    status: 422,
    level: "info",
    text: "Without a pinned root nothing can be judged as signed.",
    cure: "Name the key or fingerprint you trust by --root.",
  },
  "verify.chain_broken": {
    status: 422,
    level: "error",
    text: "The chain of entries is broken: something was changed, removed or put in.",
    cure: "Compare with another copy; the named entry is the first that does not fit.",
  },
  "verify.signature_invalid": {
    status: 422,
    level: "error",
    text: "The signature is not one of the key that may have signed this.",
    cure: "Do not use the file; ask for it again, and compare with another copy.",
  },
  "verify.signer_untrusted": {
    status: 422,
    level: "error",
    text: "The key that signed this was not certified for statements by the root that you named.",
    cure: "Compare the root with your connection details; if it is right, do not use the file.",
  },
  "verify.statement_malformed": {
    status: 422,
    level: "error",
    text: "What was signed does not say what a certificate must say.",
    cure: "Do not use the file; ask for it again.",
  },
  "verify.sums_differ": {
    status: 422,
    level: "error",
    text: "The figures of the certificate do not add up.",
    cure: "Do not rely on any of them; ask for the certificate again.",
  },
  "verify.head_differs": {
    status: 422,
    level: "error",
    text: "The batches do not end where the sender signed that they do.",
    cure: "Something was left out; compare with what the sender still has.",
  },
  "verify.kind_unknown": {
    status: 422,
    level: "info",
    text: "The file is of no kind that can be verified.",
    cure: "Name an exported audit log, a case's custody log or a completeness certificate.",
  },
  "package.case_differs": {
    status: 422,
    level: "warn",
    text: "The package was collected for another case, customer or endpoint.",
    cure: "Do not use it; collect again.",
  },
} as const satisfies Record<string, ErrorRow>;
