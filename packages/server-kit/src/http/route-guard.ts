import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
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

/** Products behind one address (a site's gateway) that may be at their limit at once. */
const KEYS_PER_ADDRESS = 50;

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

/**
 * Counts per route and caller: a product by the key of its certificate, everybody else by address. Many products stand
 * behind one address, so the address bounds them only at a multiple; else fresh keys would be a way around the limit.
 */
function takeRate(
  request: FastifyRequest,
  reply: FastifyReply,
  rate: { limiter: ReturnType<typeof createRateLimiter>; perMinute: number },
): void {
  const place = `${request.method} ${request.routeOptions.url ?? "*"}`;
  const address = `${place} ${addressKey(request.ip)}`;
  const key = request.routeOptions.config.identity?.kind === "product" ? clientKey(request.raw.socket) : null;
  const waitSeconds =
    key === null
      ? rate.limiter.take(address, rate.perMinute)
      : Math.max(
          rate.limiter.take(`${place} key ${key}`, rate.perMinute),
          rate.limiter.take(`${address} all`, rate.perMinute * KEYS_PER_ADDRESS),
        );
  if (waitSeconds === 0) return;
  // Set here too: the routes of packages/link answer with an error handler of their own.
  reply.header("retry-after", String(waitSeconds));
  throw new AppError("request.rate_limited", { place, retryAfterSeconds: waitSeconds });
}

const clientKeys = new WeakMap<Socket, string>();

function clientKey(socket: Socket): string | null {
  const known = clientKeys.get(socket);
  if (known !== undefined) return known;
  if (!(socket instanceof TLSSocket)) return null;
  // Not `getPeerCertificate`, which takes the whole certificate apart for every new connection.
  const key = socket.getPeerX509Certificate()?.fingerprint256;
  if (key === undefined) return null;
  clientKeys.set(socket, key);
  return key;
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
