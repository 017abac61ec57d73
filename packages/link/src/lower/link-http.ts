import { Readable } from "node:stream";
import { type ApiError, type FetchLike, problemSchema } from "@tms/contracts";
import { AppError, errorFromCode } from "@tms/records";
import { type Dispatcher, request as undiciRequest } from "undici";
import { StallTimer } from "./stall-timer.ts";

export interface LinkCall {
  method: Dispatcher.HttpMethod;
  url: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string | Readable | undefined;
  signal?: AbortSignal | undefined;
  /** So long without any progress ends the call; bytes that leave are progress. */
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
  const stall = new StallTimer(call.timeoutMs, call.signal);
  try {
    const answer = await undiciRequest(call.url, {
      dispatcher: agent,
      method: call.method,
      headers: { ...call.headers, ...lengthOf(call.body) },
      ...(call.body === undefined ? {} : { body: watched(call.body, stall) }),
      signal: stall.signal,
    });
    const bytes = await readBounded(answer.body, { maxBytes: call.maxAnswerBytes ?? MAX_ANSWER_BYTES, stall });
    return { status: answer.statusCode, headers: answer.headers, bytes };
  } catch (error) {
    throw callError(error, { stalled: stall.stalled, url: call.url });
  } finally {
    stall.end();
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
  const retryAfterSeconds = Number(answer.headers["retry-after"] ?? problem.data.retryAfter ?? Number.NaN);
  return errorFromCode(problem.data.code, {
    status: answer.status,
    requestId: problem.data.requestId,
    ...(Number.isFinite(retryAfterSeconds) ? { retryAfterSeconds } : {}),
  });
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

const SLICE_BYTES = 65_536;

function lengthOf(body: LinkCall["body"]): Record<string, string> {
  return body instanceof Uint8Array ? { "content-length": String(body.length) } : {};
}

/** The same body, in slices that tell the timer when they leave. */
function watched(body: Uint8Array | string | Readable, stall: StallTimer): string | Readable {
  return typeof body === "string" ? body : Readable.from(slices(body, stall), { objectMode: false });
}

async function* slices(body: Uint8Array | Readable, stall: StallTimer): AsyncGenerator<Uint8Array> {
  for await (const part of body instanceof Uint8Array ? [body] : (body as AsyncIterable<Uint8Array>)) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      stall.progress();
      yield part.subarray(at, at + SLICE_BYTES);
    }
  }
  stall.progress();
}

async function readBounded(body: Readable, limit: { maxBytes: number; stall: StallTimer }): Promise<Buffer> {
  const { maxBytes, stall } = limit;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    stall.progress();
    bytes += part.length;
    if (bytes > maxBytes) throw new AppError("link.unreachable", { reason: "answer too large", maxBytes });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function callError(error: unknown, call: { stalled: boolean; url: string }): AppError {
  if (error instanceof AppError) return error;
  const { host } = new URL(call.url);
  if (call.stalled) return new AppError("link.timeout", { host }, { cause: error });
  const cause = (error as { cause?: unknown }).cause;
  if (cause instanceof AppError) return cause;
  return new AppError("link.unreachable", { host, reason: (error as { code?: string }).code }, { cause: error });
}
