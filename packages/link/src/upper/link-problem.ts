import type { Problem } from "@tms/contracts";
import { AppError, type ErrorCode } from "@tms/records";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Fastify's own refusals, by its stable codes; everything else that is not ours is an internal error (R21). */
const FASTIFY_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "request.too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "request.malformed",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "request.malformed",
  FST_ERR_CTP_EMPTY_JSON_BODY: "request.malformed",
  FST_ERR_CTP_INVALID_JSON_BODY: "request.malformed",
};

/** The wire form of an error: problem+json with stable code and cure, and nothing of our insides. */
export function problemOf(error: unknown, requestId: string): Problem {
  const known = asAppError(error);
  const { status, text, cure } = known.row;
  const fields = known.code === "request.malformed" ? fieldsOf(known) : undefined;
  const { retryAfterSeconds } = known.details;
  return {
    type: `urn:tms:error:${known.code}`,
    title: text,
    status,
    code: known.code,
    cure,
    requestId,
    ...(typeof retryAfterSeconds === "number" ? { retryAfter: Math.ceil(retryAfterSeconds) } : {}),
    ...(fields === undefined ? {} : { fields }),
  };
}

/** Refusals after which nothing more comes over this connection. */
const ENDED: ReadonlySet<string> = new Set<ErrorCode>([
  "link.identity_unknown",
  "link.identity_revoked",
  "link.identity_clone",
]);

/** The error handler of all link routes. */
export function answerLinkProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error, request.id);
  const level = asAppError(error).row.level;
  request.log[level]({ err: level === "info" ? undefined : error, code: problem.code }, "link request refused");
  if (reply.sent) return;
  const { retryAfterSeconds } = asAppError(error).details;
  if (typeof retryAfterSeconds === "number") reply.header("retry-after", String(retryAfterSeconds));
  if (ENDED.has(problem.code)) reply.header("connection", "close");
  void reply.code(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}

export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof SyntaxError) return new AppError("request.malformed", {}, { cause: error });
  const code = (error as { code?: unknown } | null)?.code;
  const mapped = typeof code === "string" ? FASTIFY_CODES[code] : undefined;
  return new AppError(mapped ?? "server.internal", {}, { cause: error });
}

function fieldsOf(error: AppError): Problem["fields"] {
  const fields = error.details.fields;
  return Array.isArray(fields) ? (fields as { path: string; message: string }[]) : undefined;
}
