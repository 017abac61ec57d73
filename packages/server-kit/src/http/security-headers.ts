import type { FastifyReply, FastifyRequest } from "fastify";

/** Mantine writes style elements; scripts come from our own files only, nothing from anywhere else. */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Answers of the API are data: nothing in them may run, load or be framed, even if a browser is led to show them. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const ONE_YEAR_SECONDS = 31_536_000;

/** Sets what a route did not set itself; a report that is shown as a page brings its own policy. */
export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  setUnlessSet(reply, "content-security-policy", DATA_POLICY);
  setUnlessSet(reply, "x-content-type-options", "nosniff");
  setUnlessSet(reply, "referrer-policy", "no-referrer");
  setUnlessSet(reply, "cross-origin-opener-policy", "same-origin");
  setUnlessSet(reply, "cross-origin-resource-policy", "same-origin");
  setUnlessSet(reply, "permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  setUnlessSet(reply, "cache-control", "no-store");
  // On loopback the rule would bind every other server of this machine, on all its ports, for a year.
  if (request.protocol === "https" && !isLoopback(request.hostname)) {
    setUnlessSet(reply, "strict-transport-security", `max-age=${ONE_YEAR_SECONDS}`);
  }
}

export function isLoopback(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, "");
  return (
    bare === "" || bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || /^127(\.\d+){3}$/.test(bare)
  );
}

function setUnlessSet(reply: FastifyReply, name: string, value: string): void {
  if (!reply.hasHeader(name)) reply.header(name, value);
}
