import type { FastifyReply, FastifyRequest } from "fastify";

const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";
/** More is not a browser's cookie header. */
const MAX_COOKIES = 50;

export interface SessionCookie {
  readonly name: string;
  /** The session's token; null if there is none, or more than one, which nobody honest sends. */
  read(request: FastifyRequest): string | null;
  set(reply: FastifyReply, token: string, maxAgeSeconds: number): void;
  clear(reply: FastifyReply): void;
}

/**
 * The session cookie of one product's console. `__Host-`: browsers take it over HTTPS only, for this very host, and no
 * neighbour can set it for us. The product is in the name because cookies know no ports: a portal and a mitigator on
 * one machine would else log each other's people off.
 */
export function sessionCookie(product: "portal" | "mitigator"): SessionCookie {
  const name = `__Host-tms-${product}`;
  return {
    name,
    read(request) {
      const found = (request.headers.cookie ?? "")
        .split(";", MAX_COOKIES)
        .map((pair) => pair.trim().split("="))
        .filter(([key]) => key === name);
      return found.length === 1 ? (found[0]?.[1] ?? null) : null;
    },
    set: (reply, token, maxAgeSeconds) => {
      reply.header("set-cookie", `${name}=${token}; Max-Age=${maxAgeSeconds}; ${ATTRIBUTES}`);
    },
    clear: (reply) => {
      reply.header("set-cookie", `${name}=; Max-Age=0; ${ATTRIBUTES}`);
    },
  };
}
