import { linkTest, testRequestSchema } from "@tms/contracts/link";
import type { FastifyInstance } from "fastify";
import { parseBody } from "./parse-body.ts";
import type { CredentialCheck } from "./peer.ts";

/** The test log-on of Test Connection: checks credentials over a whole application round trip and stores nothing. */
export function registerTestRoute(
  scope: FastifyInstance,
  deps: { credentials: CredentialCheck; role: "status-server" | "log-server" },
): void {
  const { identity, limit } = linkTest;
  const config: object = { identity, limit };
  scope.post(linkTest.path, { config, bodyLimit: limit.bodyBytes }, async (request) => {
    const { userName, password } = parseBody(testRequestSchema, request.body);
    await deps.credentials.check(userName, password, request.ip);
    return { accepts: true, role: deps.role, serverTime: new Date().toISOString() };
  });
}
