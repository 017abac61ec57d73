import {
  linkHeartbeat,
  linkListCases,
  linkPutCase,
  linkRegister,
  linkRenew,
  linkUnregister,
  PATTERN_METADATA_PATH,
  PATTERN_TARGETS_PATH,
  registerRequestSchema,
  renewRequestSchema,
} from "@tms/contracts/link";
import { AppError, systemTimers } from "@tms/records";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from "fastify";
import { z } from "zod";
import { registerForensics } from "./forensics-routes.ts";
import { answerLinkProblem } from "./link-problem.ts";
import { closeRefusedConnections, IdentityWatch } from "./open-connections.ts";
import { parseBody } from "./parse-body.ts";
import type { Peer } from "./peer.ts";
import { peerOfRequest, renewerOfRequest } from "./peer-of-request.ts";
import type { StatusServerDeps } from "./status-server.ts";
import { createTakeHeartbeat } from "./take-heartbeat.ts";
import { registerTestRoute } from "./test-routes.ts";

/** What every route declares: who may call it and how much (the server's guard demands both). */
export function declared(route: {
  identity: { kind: "public"; why: string } | { kind: "product" } | { kind: "session"; roles: readonly string[] };
  limit: { bodyBytes: number; perMinute: number };
}): RouteShorthandOptions {
  const config: object = { identity: route.identity, limit: route.limit };
  // Fastify refuses a body limit of 0; a route without a body simply gets the smallest one.
  return { config, bodyLimit: Math.max(1, route.limit.bodyBytes) };
}

/** Registers everything a status server answers: registration, heartbeat, cases, forensics, patterns, test log-on. */
export function registerStatusServer(app: FastifyInstance, deps: StatusServerDeps): void {
  void app.register(async (scope) => {
    scope.setErrorHandler(answerLinkProblem);
    closeRefusedConnections(scope, deps.identity);
    registerRegistration(scope, deps);
    registerHeartbeat(scope, deps);
    registerCases(scope, deps);
    registerPatterns(scope, deps);
    if (deps.credentials !== null) registerTestRoute(scope, { credentials: deps.credentials, role: deps.role });
    registerForensics(scope, { identity: deps.identity, packages: deps.packages });
  });
}

function registerRegistration(scope: FastifyInstance, deps: StatusServerDeps): void {
  scope.post(linkRegister.path, declared(linkRegister), async (request) =>
    deps.register(parseBody(registerRequestSchema, request.body), { address: request.ip }),
  );
  scope.post(linkRenew.path, declared(linkRenew), async (request) => {
    const peer = await renewerOfRequest(request, deps.identity);
    return deps.renew(peer, parseBody(renewRequestSchema, request.body));
  });
  scope.post(linkUnregister.path, declared(linkUnregister), async (request, reply) => {
    const peer = await peerOfRequest(request, deps.identity);
    parseBody(z.object({ v: z.literal("link/1") }), request.body);
    await deps.unregister(peer);
    // Nothing more comes over this connection; a client that kept it would meet its end in the middle of a request.
    void reply.header("connection", "close");
    return { unregistered: true };
  });
}

function registerHeartbeat(scope: FastifyInstance, deps: StatusServerDeps): void {
  const takeHeartbeat = createTakeHeartbeat({ heartbeats: deps.heartbeats, trust: deps.trust, timers: systemTimers });
  const closing = new AbortController();
  // Fastify's forced close cuts long polls with a reset: waiters are answered first.
  scope.addHook("preClose", async () => closing.abort());

  scope.post(linkHeartbeat.path, declared(linkHeartbeat), async (request, reply) => {
    const watch = new IdentityWatch(deps.identity);
    const peer = async () => {
      const found = await peerOfRequest(request, deps.identity);
      watch.product = found.product;
      return found;
    };
    try {
      const signal = AbortSignal.any([closing.signal, closedSignal(reply), watch.signal]);
      return await takeHeartbeat(request.body, { peer, address: request.ip, signal });
    } finally {
      watch.end();
    }
  });
}

function closedSignal(reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  // With a reason of its own: the default one is an error with a stack, for every request.
  reply.raw.once("close", () => closed.abort("closed"));
  return closed.signal;
}

function registerCases(scope: FastifyInstance, deps: StatusServerDeps): void {
  const cases = deps.cases;
  if (cases === null) return;
  scope.put(linkPutCase.path, declared(linkPutCase), async (request) => {
    const peer = await peerOfRequest(request, deps.identity);
    const { id } = parseBody(linkPutCase.params ?? z.never(), request.params);
    return cases.put(peer, id, parseBody(linkPutCase.body ?? z.never(), request.body));
  });
  scope.get(linkListCases.path, declared(linkListCases), async (request) => {
    const peer = await peerOfRequest(request, deps.identity);
    const { after } = parseBody(linkListCases.query ?? z.never(), request.query);
    return { cases: await cases.changedAfter(peer, after) };
  });
}

const PATTERN_LIMIT = { identity: { kind: "product" }, limit: { bodyBytes: 0, perMinute: 1200 } } as const;
/** One path segment of a name that comes from outside: no slash, no leading dot, so no way out of a folder. */
const SEGMENT = /^[0-9A-Za-z_-][0-9A-Za-z._-]{0,119}$/;

function registerPatterns(scope: FastifyInstance, deps: StatusServerDeps): void {
  scope.get(`${PATTERN_METADATA_PATH}/:name`, declared(PATTERN_LIMIT), async (request, reply) => {
    const peer = await patternPeer(request, deps);
    const { name } = request.params as { name: string };
    const bytes = SEGMENT.test(name) ? await deps.patterns.metadata(peer, name) : null;
    return sendBytes(reply, bytes);
  });
  scope.get(`${PATTERN_TARGETS_PATH}/*`, declared(PATTERN_LIMIT), async (request, reply) => {
    const peer = await patternPeer(request, deps);
    const path = (request.params as { "*": string })["*"];
    const segments = path.split("/");
    const safe = segments.length <= 8 && segments.every((segment) => SEGMENT.test(segment));
    return sendBytes(reply, safe ? await deps.patterns.target(peer, path) : null, request.headers.range);
  });
}

async function patternPeer(request: FastifyRequest, deps: StatusServerDeps): Promise<Peer> {
  const peer = await peerOfRequest(request, deps.identity);
  if (peer.customerExpired) throw new AppError("link.customer_expired", { customer: peer.customer });
  return peer;
}

function sendBytes(reply: FastifyReply, bytes: Buffer | null, range?: string): FastifyReply {
  if (bytes === null) throw new AppError("request.not_found");
  void reply.header("cache-control", "no-store").header("accept-ranges", "bytes").type("application/octet-stream");
  const asked = readRange(range, bytes.length);
  if (asked === null) return reply.send(bytes);
  if (asked === "beyond") return reply.status(416).header("content-range", `bytes */${bytes.length}`).send();
  const { from, to } = asked;
  return reply
    .status(206)
    .header("content-range", `bytes ${from}-${to - 1}/${bytes.length}`)
    .send(bytes.subarray(from, to));
}

/** One range of bytes (RFC 9110, 14.1.2); whatever else is asked for gets the whole, as the RFC allows. */
function readRange(text: string | undefined, size: number): { from: number; to: number } | "beyond" | null {
  const found = /^bytes=([0-9]{1,15})-([0-9]{0,15})$/.exec(text ?? "");
  if (found === null) return null;
  const from = Number(found[1]);
  const last = found[2] === "" ? size - 1 : Number(found[2]);
  if (last < from) return null;
  return from >= size ? "beyond" : { from, to: Math.min(size, last + 1) };
}
