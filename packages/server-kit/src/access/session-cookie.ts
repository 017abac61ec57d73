import type { FastifyReply, FastifyRequest } from "fastify";

/** `__Host-`: browsers take it over HTTPS only, for this very host, and no neighbour can set it for us. */
export const SESSION_COOKIE = "__Host-tms";

const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";
/** More is not a browser's cookie header. */
const MAX_COOKIES = 50;

/** The session's token in the Cookie header; null if there is none, or more than one, which nobody honest sends. */
export function readSessionCookie(request: FastifyRequest): string | null {
  const found = (request.headers.cookie ?? "")
    .split(";", MAX_COOKIES)
    .map((pair) => pair.trim().split("="))
    .filter(([name]) => name === SESSION_COOKIE);
  return found.length === 1 ? (found[0]?.[1] ?? null) : null;
}

export function setSessionCookie(reply: FastifyReply, token: string, maxAgeSeconds: number): void {
  reply.header("set-cookie", `${SESSION_COOKIE}=${token}; Max-Age=${maxAgeSeconds}; ${ATTRIBUTES}`);
}

export function clearSessionCookie(reply: FastifyReply): void {
  reply.header("set-cookie", `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`);
}
