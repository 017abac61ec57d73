import type { IncomingMessage } from "node:http";
import { LOGS_PATH, streamSchema } from "@tms/contracts/link";
import { AppError, ERRORS, isErrorCode, type Sha256 } from "@tms/records";
import type { FastifyInstance } from "fastify";
import type { BatchIntake } from "./batch-intake.ts";
import { answerLinkProblem } from "./link-problem.ts";
import { closeRefusedConnections } from "./open-connections.ts";
import type { CredentialCheck, IdentitySource } from "./peer.ts";
import { peerOfRequest } from "./peer-of-request.ts";
import { registerTestRoute } from "./test-routes.ts";

const LOGS_ROUTE: object = { identity: { kind: "product" }, limit: { bodyBytes: 16_842_752, perMinute: 6000 } };
/** What is read on after a refusal, so that the sender gets its answer and not a reset; beyond it the line is cut. */
const DRAIN_BYTES = 64 * 1024 * 1024;

export interface LogServerDeps {
  identity: IdentitySource;
  credentials: CredentialCheck | null;
  intake: BatchIntake;
}

/** Registers the SSL form of log sending: `POST /link/v1/logs/{stream}`, and the test log-on. */
export function registerLogServer(app: FastifyInstance, deps: LogServerDeps): void {
  void app.register(async (scope) => {
    scope.setErrorHandler(answerLinkProblem);
    closeRefusedConnections(scope, deps.identity);
    if (deps.credentials !== null) registerTestRoute(scope, { credentials: deps.credentials, role: "log-server" });
    void scope.register(async (logs) => registerIntake(logs, deps));
  });
}

function registerIntake(scope: FastifyInstance, deps: LogServerDeps): void {
  // The intake reads the body itself, counts it, and never holds it whole.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  scope.post(`${LOGS_PATH}/:stream`, { config: LOGS_ROUTE }, async (request, reply) => {
    const peer = await peerOfRequest(request, deps.identity);
    const stream = streamSchema.safeParse((request.params as { stream: string }).stream);
    if (!stream.success) throw new AppError("request.not_found");
    const statedDigest = reprDigest(request.headers["repr-digest"]);
    const body = bounded(request.body as IncomingMessage, DRAIN_BYTES);
    const answer = await deps.intake.receive(peer, { stream: stream.data, statedDigest, protocol: "ssl" }, body);
    const status = answer.code !== undefined && isErrorCode(answer.code) ? ERRORS[answer.code].status : 200;
    return reply.code(status).send(answer);
  });
}

/** Reads RFC 9530 `Repr-Digest: sha-256=:…:`. A missing or malformed one is answered like a wrong one: damaged. */
export function reprDigest(header: string | string[] | undefined): Sha256 | null {
  const found = /(?:^|,)\s*sha-256=:([0-9A-Za-z+/]{43}=):/.exec(typeof header === "string" ? header : "");
  return found?.[1] === undefined ? null : (Buffer.from(found[1], "base64").toString("hex") as Sha256);
}

async function* bounded(body: IncomingMessage | null | undefined, maxBytes: number): AsyncGenerator<Uint8Array> {
  if (body === null || body === undefined) return;
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new AppError("request.too_large", { bytes });
    yield chunk;
  }
}
