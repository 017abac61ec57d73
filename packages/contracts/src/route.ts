import type { z } from "zod";

/**
 * Who may call a route. A route without a declared identity does not register.
 * `product` = the authenticated key of a lower party; `session` = a logged-on person with one of `roles`.
 */
export type RouteIdentity =
  | { kind: "public"; why: string }
  | { kind: "product" }
  | { kind: "session"; roles: readonly string[] };

/** Bounds of a route; a route without them does not register. */
export interface RouteLimit {
  bodyBytes: number;
  perMinute: number;
}

export interface Route<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
  Response extends z.ZodType = z.ZodUndefined,
> {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  operationId: string;
  summary: string;
  identity: RouteIdentity;
  limit: RouteLimit;
  params?: Params;
  query?: Query;
  body?: Body;
  response?: Response;
  status?: number;
}

/** Declares a route once; server handler types and the typed client both come from it. */
export function route<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
  Response extends z.ZodType = z.ZodUndefined,
>(declared: Route<Params, Query, Body, Response>): Route<Params, Query, Body, Response> {
  return declared;
}

export type AnyRoute = Route<z.ZodType, z.ZodType, z.ZodType, z.ZodType>;

type Part<Key extends string, Schema> = Schema extends z.ZodUndefined
  ? unknown
  : Schema extends z.ZodType
    ? { [K in Key]: z.input<Schema> }
    : unknown;

/** What a caller passes: only the parts that the route declares. */
export type RouteArguments<R> =
  R extends Route<infer P, infer Q, infer B, z.ZodType>
    ? Part<"params", P> & Part<"query", Q> & Part<"body", B>
    : never;

export type RouteResult<R> =
  R extends Route<z.ZodType, z.ZodType, z.ZodType, infer Out>
    ? Out extends z.ZodUndefined
      ? undefined
      : z.output<Out>
    : never;
