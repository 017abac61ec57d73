import { CASE_ERRORS } from "./case-errors.ts";
import { CLI_ERRORS } from "./cli-errors.ts";
import { ENDPOINT_ERRORS } from "./endpoint-errors.ts";
import type { ErrorRow } from "./error-row.ts";
import { LIMIT_ERRORS } from "./limit-errors.ts";
import { LINK_ERRORS } from "./link-errors.ts";
import { OPERATION_ERRORS } from "./operation-errors.ts";
import { PATTERN_ERRORS } from "./pattern-errors.ts";
import { PROXY_ERRORS } from "./proxy-errors.ts";
import { SERVER_ERRORS } from "./server-errors.ts";
import { START_ERRORS } from "./start-errors.ts";

/** Every error code there is; status, log level and public text share a row and so cannot disagree (R18). */
export const ERRORS = {
  ...SERVER_ERRORS,
  ...LINK_ERRORS,
  ...LIMIT_ERRORS,
  ...PROXY_ERRORS,
  ...CASE_ERRORS,
  ...PATTERN_ERRORS,
  ...ENDPOINT_ERRORS,
  ...START_ERRORS,
  ...CLI_ERRORS,
  ...OPERATION_ERRORS,
} as const satisfies Record<string, ErrorRow>;
export type ErrorCode = keyof typeof ERRORS;
export type { ErrorRow };
