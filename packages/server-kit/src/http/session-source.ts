import type { AccountId } from "@tms/records";
import type { FastifyRequest } from "fastify";

/** Who is logged on. */
export interface Session {
  account: AccountId;
  userName: string;
  role: string;
  /** A browser's cookie, or a token of the expert's CLI. */
  kind: "cookie" | "bearer";
  expiresAt: Date;
}

/** Finds the session that a request carries; null if it carries none that is valid. */
export interface SessionSource {
  find(request: FastifyRequest): Promise<Session | null>;
}

/** Where `registerSessionRoutes` puts its source; the guard reads it per request. */
export const SESSION_SOURCE: unique symbol = Symbol("tms.sessionSource");

declare module "fastify" {
  interface FastifyInstance {
    [SESSION_SOURCE]: { current: SessionSource | null };
  }
  interface FastifyRequest {
    session: Session | null;
  }
}
