import type { IncomingMessage, ServerResponse } from "node:http";
import { FORENSICS_PATH } from "@tms/contracts/link";
import type { FastifyInstance } from "fastify";
import { answerLinkProblem } from "./link-problem.ts";
import { createPackageUploads } from "./package-uploads.ts";
import type { IdentitySource, Peer } from "./peer.ts";
import { peerOfRequest } from "./peer-of-request.ts";
import type { PackagePort } from "./status-server.ts";

const FORENSICS_ROUTE: object = {
  identity: { kind: "product" },
  limit: { bodyBytes: 64 * 1024 * 1024, perMinute: 1200 },
};
const METHODS = ["POST", "HEAD", "PATCH", "DELETE"] as const;

/** Registers tus 1.0 below `/link/v1/forensics`, in a scope of its own because tus reads the body itself. */
export function registerForensics(
  app: FastifyInstance,
  deps: { identity: IdentitySource; packages: PackagePort },
): void {
  void app.register(async (scope) => {
    scope.setErrorHandler(answerLinkProblem);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const peers = new WeakMap<IncomingMessage, Peer>();
    const uploads = createPackageUploads({ packages: deps.packages, peerOf: (raw) => peers.get(raw) });

    for (const url of [FORENSICS_PATH, `${FORENSICS_PATH}/:id`]) {
      scope.route({
        method: [...METHODS],
        url,
        config: FORENSICS_ROUTE,
        exposeHeadRoute: false,
        handler: async (request, reply) => {
          const peer = await peerOfRequest(request, deps.identity);
          peers.set(request.raw, peer);
          reply.hijack();
          await uploads.handle(request.raw, reply.raw as ServerResponse);
        },
      });
    }
  });
}
