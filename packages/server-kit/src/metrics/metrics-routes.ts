import { BlockList, isIP, isIPv6 } from "node:net";
import { route } from "@tms/contracts";
import { AppError } from "@tms/records";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { implement } from "../http/implement.ts";
import type { Metrics } from "./create-metrics.ts";

/** Who may ask, in a server's configuration. */
export const metricsFromSchema = z
  .array(z.string().refine((address) => isIP(address) !== 0, "must be an IP address"))
  .max(64)
  .default(["127.0.0.1", "::1"])
  .describe("Addresses that may ask /metrics; to all others it does not exist.");

const metricsRoute = route({
  method: "GET",
  path: "/metrics",
  operationId: "metrics",
  summary: "Figures for the operator's monitoring, to the addresses that the configuration names.",
  identity: { kind: "public", why: "a scraper logs on nowhere; the route asks for its address" },
  limit: { bodyBytes: 0, perMinute: 120 },
});

/** Registers `/metrics`. To an address that is not named it answers as any path that does not exist. */
export function registerMetricsRoute(
  app: FastifyInstance,
  { metrics, from }: { metrics: Metrics; from: readonly string[] },
): void {
  const allowed = new BlockList();
  for (const address of from) allowed.addAddress(address, familyOf(address));
  implement(app, metricsRoute, async ({ request, reply }) => {
    if (!allowed.check(request.ip, familyOf(request.ip))) throw new AppError("request.not_found");
    await reply.type(metrics.contentType).send(await metrics.text());
  });
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
