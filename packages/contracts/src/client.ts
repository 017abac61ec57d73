import { problemSchema } from "./problem.ts";
import type { AnyRoute, RouteArguments, RouteResult } from "./route.ts";

/** An answer other than success: the server's stable code, its text and cure. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly cure: string;
  readonly requestId: string;
  readonly fields: { path: string; message: string }[];

  constructor(problem: {
    status: number;
    title: string;
    code: string;
    cure: string;
    requestId: string;
    fields?: { path: string; message: string }[] | undefined;
  }) {
    super(problem.title);
    this.name = "ApiError";
    this.status = problem.status;
    this.code = problem.code;
    this.cure = problem.cure;
    this.requestId = problem.requestId;
    this.fields = problem.fields ?? [];
  }
}

/** The part of the platform's `fetch` that the client needs; a test or the CLI passes its own. */
export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string },
) => Promise<{
  status: number;
  text(): Promise<string>;
}>;

export type ApiClient<Routes extends Record<string, AnyRoute>> = {
  [Name in keyof Routes]: (args: RouteArguments<Routes[Name]>) => Promise<RouteResult<Routes[Name]>>;
};

interface LooseArguments {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/**
 * Makes a typed client of a record of routes. Answers are parsed, so a server of another version cannot smuggle in
 * other shapes.
 *
 * @throws {ApiError} for every answer that is not a success.
 */
export function createApiClient<Routes extends Record<string, AnyRoute>>(
  routes: Routes,
  options: { baseUrl: string; fetch: FetchLike; headers?: Record<string, string> },
): ApiClient<Routes> {
  const entries = Object.entries(routes).map(([name, declared]) => [
    name,
    (args: LooseArguments) => call(declared, args, options),
  ]);
  return Object.fromEntries(entries) as ApiClient<Routes>;
}

async function call(
  declared: AnyRoute,
  args: LooseArguments,
  options: { baseUrl: string; fetch: FetchLike; headers?: Record<string, string> },
): Promise<unknown> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  if (args.body !== undefined) headers["content-type"] = "application/json";
  const answer = await options.fetch(options.baseUrl + urlOf(declared.path, args), {
    method: declared.method,
    headers,
    ...(args.body === undefined ? {} : { body: JSON.stringify(args.body) }),
  });
  const text = await answer.text();
  if (answer.status >= 400) throw problemOf(answer.status, text);
  return declared.response === undefined ? undefined : declared.response.parse(JSON.parse(text));
}

function urlOf(path: string, args: LooseArguments): string {
  const filled = path.replace(/:([A-Za-z]+)/g, (_, key: string) => encodeURIComponent(String(args.params?.[key])));
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(args.query ?? {})) {
    if (value !== undefined && value !== null && value !== "") query.set(key, String(value));
  }
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
}

function problemOf(status: number, text: string): ApiError {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // A proxy or a dying server answers without JSON: the status is all that is known.
    return new ApiError({
      status,
      title: `The server answered ${status}.`,
      code: "server.internal",
      cure: String(error),
      requestId: "",
    });
  }
  const problem = problemSchema.safeParse(parsed);
  if (problem.success) return new ApiError(problem.data);
  return new ApiError({
    status,
    title: `The server answered ${status}.`,
    code: "server.internal",
    cure: "Try again.",
    requestId: "",
  });
}
