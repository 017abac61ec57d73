import type { Readable } from "node:stream";
import { type ApiError, type FetchLike, problemSchema } from "@tms/contracts";
import { AppError, errorFromCode } from "@tms/records";
import { type Dispatcher, request as undiciRequest } from "undici";

export interface LinkCall {
  method: Dispatcher.HttpMethod;
  url: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string | Readable | undefined;
  signal?: AbortSignal | undefined;
  /** The whole call, in milliseconds. */
  timeoutMs: number;
  maxAnswerBytes?: number;
}

export interface LinkHttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** One HTTP call over the agent, bounded in time and size. @throws {AppError} `link.timeout`, `link.unreachable`, … */
export async function callLink(agent: Dispatcher, call: LinkCall): Promise<LinkHttpAnswer> {
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]);
  try {
    const answer = await undiciRequest(call.url, {
      dispatcher: agent,
      method: call.method,
      ...(call.headers === undefined ? {} : { headers: call.headers }),
      ...(call.body === undefined
        ? {}
        : { body: call.body instanceof Uint8Array ? Buffer.from(call.body) : call.body }),
      signal,
    });
    const bytes = await readBounded(answer.body, call.maxAnswerBytes ?? MAX_ANSWER_BYTES);
    return { status: answer.statusCode, headers: answer.headers, bytes };
  } catch (error) {
    throw callError(error, { timeout, url: call.url });
  }
}

/** Turns an answer that is no success into the error whose code the upper party sent. */
export function problemFrom(answer: LinkHttpAnswer): AppError {
  let value: unknown;
  try {
    value = JSON.parse(answer.bytes.toString("utf8"));
  } catch {
    // A proxy or a dying server answers without JSON: the status is all that is known.
    return new AppError("link.unreachable", { status: answer.status });
  }
  const problem = problemSchema.safeParse(value);
  if (!problem.success) return new AppError("link.unreachable", { status: answer.status });
  return errorFromCode(problem.data.code, { status: answer.status, requestId: problem.data.requestId });
}

/** The `fetch` of the typed client of contracts, over this agent. */
export function fetchOver(agent: Dispatcher, options: { timeoutMs: number; signal?: AbortSignal }): FetchLike {
  return async (url, init) => {
    const answer = await callLink(agent, {
      method: init.method as Dispatcher.HttpMethod,
      url,
      headers: init.headers,
      ...(init.body === undefined ? {} : { body: init.body }),
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    });
    return { status: answer.status, text: async () => answer.bytes.toString("utf8") };
  };
}

/** An answer of the typed client as our error. */
export function errorOfApi(error: unknown): unknown {
  const api = error as Partial<ApiError>;
  if ((error as Error)?.name !== "ApiError" || typeof api.code !== "string") return error;
  return errorFromCode(api.code, { status: api.status, requestId: api.requestId });
}

async function readBounded(body: Readable, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) throw new AppError("link.unreachable", { reason: "answer too large", maxBytes });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function callError(error: unknown, call: { timeout: AbortSignal; url: string }): AppError {
  if (error instanceof AppError) return error;
  const { host } = new URL(call.url);
  if (call.timeout.aborted) return new AppError("link.timeout", { host }, { cause: error });
  const cause = (error as { cause?: unknown }).cause;
  if (cause instanceof AppError) return cause;
  return new AppError("link.unreachable", { host, reason: (error as { code?: string }).code }, { cause: error });
}
