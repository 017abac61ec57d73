import type { Readable } from "node:stream";
import type { PackageMetadata } from "@tms/contracts/link";
import { type CaseDetail, packageDownloadPath } from "@tms/contracts/portal";
import type { Peer } from "@tms/link/upper";
import { AppError, type CaseId, type CustomerScope, type ErrorCode, isUuid, type PackageId } from "@tms/records";
import type { Audit } from "@tms/server-kit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { MAX_PACKAGE_BYTES } from "./forensic-package.ts";
import type { ForensicsStore } from "./forensics-store.ts";
import type { createTakePackage } from "./take-package.ts";

/** The status server's part for tus uploads. */
export function packageHandlers(deps: {
  directory: string;
  take: ReturnType<typeof createTakePackage>;
  admit: () => Promise<void>;
  /** Of this customer and product. @throws {AppError} `limit.*` */
  admitPackage(peer: Peer, sizeBytes: number): Promise<void>;
  tookPackage(peer: Peer, sizeBytes: number): Promise<void>;
}) {
  const scopeOf = (peer: Peer): CustomerScope => ({ customer: peer.customer });
  return {
    directory: deps.directory,
    maxBytes: MAX_PACKAGE_BYTES,
    admit: deps.admit,
    async announced(peer: Peer, meta: PackageMetadata, sizeBytes: number) {
      await deps.admitPackage(peer, sizeBytes);
      await deps.take.announced(scopeOf(peer), peer.product, {
        id: meta.package,
        caseId: meta.case,
        endpoint: meta.endpoint,
        sha256: meta.sha256,
        recipients: meta.recipients.split(",").filter((one) => one !== ""),
        sizeBytes,
      });
      await deps.tookPackage(peer, sizeBytes);
    },
    resumed: (peer: Peer, meta: PackageMetadata, offset: number) =>
      deps.take.resumed(scopeOf(peer), peer.product, { id: meta.package, offset }),
    finished: (peer: Peer, meta: PackageMetadata, file: string) =>
      deps.take.finished(scopeOf(peer), peer.product, { id: meta.package, sha256: meta.sha256, file }),
    failed: (peer: Peer, meta: PackageMetadata, code: ErrorCode) =>
      deps.take.failed(scopeOf(peer), { id: meta.package, caseId: meta.case, code }),
  };
}

/** Packages of a case as its page shows them. */
export async function packageViews(
  store: ForensicsStore,
  scope: CustomerScope,
  id: CaseId,
): Promise<CaseDetail["packages"]> {
  const packages = await store.ofCase(scope, id);
  return Promise.all(
    packages.map(async (one) => ({
      id: one.id,
      sizeBytes: one.sizeBytes,
      receivedBytes: one.receivedBytes,
      sha256: one.sha256,
      state: one.state,
      recipients: one.recipients,
      uploadedAt: one.uploadedAt?.toISOString() ?? null,
      custody: (await store.custody(scope, one.id)).map((entry) => ({ ...entry, at: entry.at.toISOString() })),
    })),
  );
}

export interface DownloadRouteDeps {
  store: ForensicsStore;
  locateCase(id: string): Promise<{ scope: CustomerScope; id: CaseId } | null>;
  openBlob(scope: CustomerScope, key: string): Promise<{ sizeBytes: number; body: Readable }>;
  /** Moves the case on: somebody took it. */
  downloaded(scope: CustomerScope, id: CaseId, by: string): Promise<void>;
  sessionOf(request: FastifyRequest): { userName: string };
  audit: Audit;
}

const DOWNLOAD: object = {
  identity: { kind: "session", roles: ["expert", "administrator"] },
  limit: { bodyBytes: 0, perMinute: 120 },
};

/** Streams the encrypted bytes; the custody log names who took them before the first byte leaves. */
export function registerDownloadRoute(app: FastifyInstance, deps: DownloadRouteDeps): void {
  app.get(packageDownloadPath, { config: DOWNLOAD }, async (request, reply) => {
    const params = request.params as { id: string; packageId: string };
    const found = await deps.locateCase(params.id);
    const isNamed = found !== null && isUuid(params.packageId);
    const one = !isNamed ? null : await deps.store.find(found.scope, params.packageId as PackageId);
    if (found === null || one === null || one.caseId !== found.id || one.blobKey === null) {
      throw new AppError("package.unknown", { package: params.packageId });
    }
    const { userName } = deps.sessionOf(request);
    const blob = await deps.openBlob(found.scope, one.blobKey);
    const entry = { who: userName, action: "downloaded" as const, detail: `${blob.sizeBytes} encrypted bytes` };
    await deps.store.addCustody(found.scope, one.id, entry);
    await deps.downloaded(found.scope, found.id, userName);
    await deps.audit.write({
      actor: userName,
      action: "package.downloaded",
      subject: one.id,
      detail: { case: found.id, sha256: one.sha256 },
      customer: found.scope.customer,
    });
    return reply
      .header("content-length", blob.sizeBytes)
      .header("content-disposition", `attachment; filename="${one.id}.age"`)
      .header("cache-control", "no-store")
      .type("application/octet-stream")
      .send(blob.body);
  });
}
