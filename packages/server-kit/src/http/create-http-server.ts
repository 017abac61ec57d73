import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { AppError, type Clock, systemClock } from "@tms/records";
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  fastify,
  LogController,
} from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Logger } from "../start/create-logger.ts";
import { CONNECTION_LIMITS, type ConnectionCounts, ConnectionGate, type ConnectionLimits } from "./connection-gate.ts";
import { answerProblem, problemOf, rawProblem, sendProblem } from "./problem.ts";
import { guardRoutes } from "./route-guard.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { SESSION_SOURCE } from "./session-source.ts";

export interface HttpServerOptions {
  name: string;
  log: Logger;
  /** PEM, P-256. `askClientCertificate` asks and lets everybody in: refusals are answers, given per route. */
  tls?: { keyPem: string; certPem: string; askClientCertificate?: boolean } | undefined;
  clock?: Clock | undefined;
  /** What differs from `CONNECTION_LIMITS`. */
  limits?: Partial<ConnectionLimits> | undefined;
}

/** How a server's connections stand. */
export const CONNECTIONS: unique symbol = Symbol("tms.connections");

declare module "fastify" {
  interface FastifyInstance {
    [CONNECTIONS]: { counts(): ConnectionCounts };
  }
}

/** Browsers of old machines still come with 1.2; a certificate that is changed while running keeps the bound. */
export const MIN_TLS_VERSION = "TLSv1.2";
/** A forensic slice of 64 MiB over a slow line takes its time; nobody may hold a request open longer than this. */
const REQUEST_TIMEOUT_MS = 15 * 60_000;
/** Node looks this often for requests that are late, be it in their headers or as a whole. */
const LOOK_EVERY_MS = 5_000;
/** Requests that run at a stop may end within this time; then their connections are cut. Long polls are released before. */
const DRAIN_MS = 1_500;
const MAX_HEADER_BYTES = 16_384;
/** Ids and file names; Fastify's default of 100 cuts off long pattern names. */
const MAX_PARAMETER_LENGTH = 512;

/** Makes a server on which nothing answers without a declared identity and limit, and no failure tells our insides. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const limits = { ...CONNECTION_LIMITS, ...options.limits };
  const app = fastify(serverOptions(options, limits));
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorate(SESSION_SOURCE, { current: null });
  app.decorateRequest("session", null);
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, problemOf(new AppError("request.not_found"), request.id)),
  );
  guardRoutes(app, { clock: options.clock ?? systemClock });
  app.addHook("onRequest", async (_request, reply) => {
    reply.header("x-request-id", reply.request.id);
  });
  app.addHook("onSend", async (request, reply) => setSecurityHeaders(request, reply));
  app.server.headersTimeout = limits.firstRequestMs;
  // Fastify opens a second server for the name "localhost" only; what is not gated there comes from this machine.
  const gate = new ConnectionGate(limits);
  gate.guard(app.server);
  app.decorate(CONNECTIONS, gate);
  drainOnClose(app, gate);
  return app;
}

function drainOnClose(app: FastifyInstance, gate: ConnectionGate): void {
  let cut: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
    app.server.closeIdleConnections();
    gate.cutUnfinished();
  });
  app.addHook("onClose", async () => clearTimeout(cut));
}

function serverOptions(options: HttpServerOptions, limits: ConnectionLimits): FastifyServerOptions {
  const connectionsCheckingInterval = Math.min(LOOK_EVERY_MS, limits.firstRequestMs);
  const shared: FastifyServerOptions = {
    loggerInstance: options.log.child({ server: options.name }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    // A caller's own id would let it write into our log under another request's name.
    requestIdHeader: false,
    forceCloseConnections: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    trustProxy: false,
    frameworkErrors: (error, request, reply) => {
      void answerProblem(error, request, reply);
    },
    clientErrorHandler: refuseUnreadable,
  };
  if (options.tls === undefined) return Object.assign(shared, { http: { connectionsCheckingInterval } });
  const https = {
    key: options.tls.keyPem,
    cert: options.tls.certPem,
    minVersion: MIN_TLS_VERSION,
    maxHeaderSize: MAX_HEADER_BYTES,
    requestCert: options.tls.askClientCertificate === true,
    rejectUnauthorized: false,
    connectionsCheckingInterval,
  };
  return Object.assign(shared, { https });
}

function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(rawProblem("request.malformed", randomUUID()));
}
