import type { RouteIdentity, RouteLimit } from "@tms/contracts";
import { AppError, type Clock } from "@tms/records";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { isForeignOrigin } from "./foreign-origin.ts";
import { addressKey, createRateLimiter } from "./rate-limit.ts";
import { SESSION_SOURCE, type SessionSource } from "./session-source.ts";

// The guard at every route.
// I1  A route that declares no identity, or no limit, does not register: forgetting is a failed start, not a hole.
// I2  The order is: rate, origin, session, role. A refused request costs no body and no password hash.
// I3  `product` is proved by the route itself (packages/link asks per request); the guard only demands its declaration.

export interface RouteDeclaration {
  identity: RouteIdentity;
  limit: RouteLimit;
}

declare module "fastify" {
  interface FastifyContextConfig {
    identity?: RouteIdentity;
    limit?: RouteLimit;
  }
}

/** Puts the guard on every route that is registered from now on, at any depth. */
export function guardRoutes(app: FastifyInstance, deps: { clock: Clock }): void {
  const limiter = createRateLimiter({ clock: deps.clock });
  let needsSessions = false;

  app.addHook("onRoute", (route) => {
    const { identity, limit } = declarationOf(route);
    if (identity.kind === "session") needsSessions = true;
    // Fastify takes no 0; a route without a body refuses from the second byte on.
    route.bodyLimit = Math.max(1, limit.bodyBytes);
  });

  app.addHook("onReady", async () => {
    if (needsSessions && app[SESSION_SOURCE].current === null) {
      throw new Error("A route asks for a session, but no sessions were registered (registerSessionRoutes).");
    }
  });

  app.addHook("onRequest", async (request, reply) => {
    const { identity, limit } = request.routeOptions.config;
    takeRate(request, reply, { limiter, perMinute: limit?.perMinute ?? UNKNOWN_ROUTE_PER_MINUTE });
    if (identity === undefined) return;
    refuseForeignOrigin(request);
    if (identity.kind === "session") await demandSession(request, identity.roles, app[SESSION_SOURCE].current);
  });
}

/** Addresses that nothing is registered at are not a way around the limits. */
const UNKNOWN_ROUTE_PER_MINUTE = 300;

function declarationOf(route: RouteOptions): RouteDeclaration {
  const identity = route.config?.identity;
  const limit = route.config?.limit;
  const name = `${String(route.method)} ${route.url}`;
  if (!isIdentity(identity)) throw new Error(`The route ${name} declares no identity and does not register.`);
  if (!isLimit(limit)) throw new Error(`The route ${name} declares no limit and does not register.`);
  return { identity, limit };
}

function isIdentity(identity: RouteIdentity | undefined): identity is RouteIdentity {
  switch (identity?.kind) {
    case "public":
      return identity.why.trim() !== "";
    case "product":
      return true;
    case "session":
      return identity.roles.length > 0;
    default:
      return false;
  }
}

function isLimit(limit: RouteLimit | undefined): limit is RouteLimit {
  return limit !== undefined && Number.isSafeInteger(limit.bodyBytes) && limit.bodyBytes >= 0 && limit.perMinute > 0;
}

function takeRate(
  request: FastifyRequest,
  reply: FastifyReply,
  rate: { limiter: ReturnType<typeof createRateLimiter>; perMinute: number },
): void {
  const place = `${request.method} ${request.routeOptions.url ?? "*"}`;
  const waitSeconds = rate.limiter.take(`${place} ${addressKey(request.ip)}`, rate.perMinute);
  if (waitSeconds === 0) return;
  reply.header("retry-after", String(waitSeconds));
  throw new AppError("request.rate_limited", { place });
}

function refuseForeignOrigin(request: FastifyRequest): void {
  const { headers } = request;
  const secFetchSite = headers["sec-fetch-site"];
  const facts = {
    method: request.method,
    host: headers.host,
    origin: headers.origin,
    secFetchSite: typeof secFetchSite === "string" ? secFetchSite : undefined,
  };
  if (isForeignOrigin(facts)) throw new AppError("request.foreign_origin", { origin: headers.origin });
}

async function demandSession(
  request: FastifyRequest,
  roles: readonly string[],
  source: SessionSource | null,
): Promise<void> {
  const session = await source?.find(request);
  if (session === null || session === undefined) throw new AppError("session.required");
  if (!roles.includes(session.role)) throw new AppError("session.forbidden", { role: session.role });
  request.session = session;
}
