import { STATUS_CODES } from "node:http";
import type { Problem } from "@tms/contracts";
import { AppError, type ErrorCode } from "@tms/records";
import type { FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";

/** Fastify's own refusals, by its stable codes; everything else that is not ours is an internal error (R21). */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "request.too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "request.malformed",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "request.malformed",
  FST_ERR_CTP_EMPTY_JSON_BODY: "request.malformed",
  FST_ERR_CTP_INVALID_JSON_BODY: "request.malformed",
  FST_ERR_BAD_URL: "request.malformed",
  FST_ERR_NOT_FOUND: "request.not_found",
};

/** Fields are echoed to the caller, so their number and length are bounded. */
const MAX_FIELDS = 50;
const MAX_FIELD_TEXT = 200;

type Fields = NonNullable<Problem["fields"]>;

/** Any thrown thing as one of our errors; the unknown becomes `server.internal` with its cause kept for the log. */
export function appErrorOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const fields = error.validation.map((issue) => ({
      path: `${error.validationContext ?? ""}${issue.instancePath}`,
      message: issue.message ?? "malformed",
    }));
    return new AppError("request.malformed", { fields });
  }
  const code = (error as { code?: unknown } | null)?.code;
  const mapped = typeof code === "string" ? FASTIFY_CODES[code] : undefined;
  if (mapped !== undefined) return new AppError(mapped, {}, { cause: error });
  if (error instanceof SyntaxError && (error as { statusCode?: number }).statusCode === 400) {
    return new AppError("request.malformed", {}, { cause: error });
  }
  return new AppError("server.internal", {}, { cause: error });
}

/** The wire form: stable code, text and cure of the table; details stay here. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, text, cure } = error.row;
  const fields = error.code === "request.malformed" ? fieldsOf(error) : [];
  return {
    type: `urn:tms:error:${error.code}`,
    title: text,
    status,
    code: error.code,
    cure,
    requestId,
    ...(fields.length === 0 ? {} : { fields }),
  };
}

/** The error handler of every server: logs once, at the level of the table, and answers problem+json. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = isCutOff(error, request) ? new AppError("request.malformed", {}, { cause: error }) : appErrorOf(error);
  const level = known.row.level;
  request.log[level](
    {
      err: level === "info" ? undefined : known,
      code: known.code,
      method: request.method,
      route: request.routeOptions.url ?? null,
      from: request.ip,
    },
    "request refused",
  );
  const { retryAfterSeconds } = known.details;
  if (typeof retryAfterSeconds === "number") reply.header("retry-after", String(retryAfterSeconds));
  return sendProblem(reply, problemOf(known, request.id));
}

/** The sender went away, or was sent away, within its body: anybody can do that, so that it is no failure of ours. */
function isCutOff(error: unknown, { raw }: FastifyRequest): boolean {
  return (error as { code?: unknown } | null)?.code === "ECONNRESET" && raw.destroyed && !raw.complete;
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  // Response schemas describe successes; a ready string goes past their serializer.
  return reply
    .code(problem.status)
    .header("cache-control", "no-store")
    .type("application/problem+json")
    .serializer(String)
    .send(JSON.stringify(problem));
}

/** The same answer for a socket that no request could be read from. */
export function rawProblem(code: ErrorCode, requestId: string): string {
  const problem = problemOf(new AppError(code), requestId);
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? "Error"}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}

function fieldsOf(error: AppError): Fields {
  const { fields } = error.details;
  if (!Array.isArray(fields)) return [];
  return (fields as Fields).slice(0, MAX_FIELDS).map(({ path, message }) => ({
    path: String(path).slice(0, MAX_FIELD_TEXT),
    message: String(message).slice(0, MAX_FIELD_TEXT),
  }));
}
