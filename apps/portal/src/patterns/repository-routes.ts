import type { Peer } from "@tms/link/upper";
import type { CustomerScope } from "@tms/records";
import type { RepositoryStore } from "./repository.ts";

/** What products fetch: their own customer's metadata and targets, and nobody else's. */
export function repositoryHandlers(deps: {
  repositories: Pick<RepositoryStore, "metadata" | "target">;
  readBlob(scope: CustomerScope, key: string): Promise<Buffer>;
}) {
  return {
    metadata: (peer: Peer, name: string): Promise<Buffer | null> =>
      deps.repositories.metadata({ customer: peer.customer }, name),
    async target(peer: Peer, path: string): Promise<Buffer | null> {
      const scope = { customer: peer.customer };
      const target = await deps.repositories.target(scope, path);
      return target === null ? null : deps.readBlob(scope, target.blobKey);
    },
  };
}
