import {
  AppError,
  type CaseId,
  type CustomerScope,
  type ErrorCode,
  type PackageId,
  type ProductId,
  type Sha256,
} from "@tms/records";
import type { CustodyAction } from "./custody.ts";
import { type AnnouncedPackage, type ForensicPackage, MAX_PACKAGE_BYTES } from "./forensic-package.ts";

export interface PackageStore {
  find(scope: CustomerScope, id: PackageId): Promise<ForensicPackage | null>;
  ofCase(scope: CustomerScope, id: CaseId): Promise<ForensicPackage[]>;
  /** Announces a package with its first custody entry; one that failed before begins again. */
  begin(scope: CustomerScope, from: ProductId, announced: AnnouncedPackage & { sizeBytes: number }): Promise<void>;
  progress(scope: CustomerScope, id: PackageId, receivedBytes: number): Promise<void>;
  complete(scope: CustomerScope, id: PackageId, blobKey: string): Promise<void>;
  fail(scope: CustomerScope, id: PackageId): Promise<void>;
  addCustody(
    scope: CustomerScope,
    id: PackageId,
    entry: { who: string; action: CustodyAction; detail: string },
  ): Promise<void>;
}

export interface TakePackageDeps {
  packages: PackageStore;
  caseOf(scope: CustomerScope, id: CaseId): Promise<{ product: ProductId; endpoint: string } | null>;
  /** Moves the case on; steps that do not apply change nothing. */
  advance(
    scope: CustomerScope,
    id: CaseId,
    what: "upload-begun" | "package-complete" | "package-failed",
  ): Promise<void>;
  adoptBlob(scope: CustomerScope, name: string, file: string): Promise<string>;
}

/** The steps of a forensic package's arrival; each may come twice, because either side may have been killed. */
export function createTakePackage(deps: TakePackageDeps) {
  const { packages } = deps;
  const who = (product: ProductId) => `product ${product}`;
  return {
    /** @throws {AppError} `case.unknown`, `package.too_large`, `case.differs`. */
    async announced(scope: CustomerScope, product: ProductId, meta: AnnouncedPackage & { sizeBytes: number }) {
      if (meta.sizeBytes > MAX_PACKAGE_BYTES) throw new AppError("package.too_large", { sizeBytes: meta.sizeBytes });
      const owner = await deps.caseOf(scope, meta.caseId);
      if (owner === null || owner.product !== product || owner.endpoint !== meta.endpoint) {
        throw new AppError("case.unknown", { case: meta.caseId });
      }
      const known = await packages.find(scope, meta.id);
      if (known !== null && (known.caseId !== meta.caseId || known.state === "complete")) {
        throw new AppError("case.differs", { package: meta.id });
      }
      await packages.begin(scope, product, meta);
      const detail = `${meta.sizeBytes} bytes announced, SHA-256 ${meta.sha256}`;
      await packages.addCustody(scope, meta.id, { who: who(product), action: "upload-begun", detail });
      await deps.advance(scope, meta.caseId, "upload-begun");
    },
    async resumed(scope: CustomerScope, product: ProductId, at: { id: PackageId; offset: number }) {
      await packages.progress(scope, at.id, at.offset);
      const detail = `resumed at byte ${at.offset}`;
      await packages.addCustody(scope, at.id, { who: who(product), action: "upload-resumed", detail });
    },
    async finished(scope: CustomerScope, product: ProductId, arrived: { id: PackageId; sha256: Sha256; file: string }) {
      const known = await packages.find(scope, arrived.id);
      if (known === null) throw new AppError("package.unknown", { package: arrived.id });
      // Announced anew meanwhile: the custody log must not call these bytes the announced ones.
      if (known.sha256 !== arrived.sha256) throw new AppError("package.hash_mismatch", { package: arrived.id });
      if (known.state !== "complete") {
        const blobKey = await deps.adoptBlob(scope, `forensics/${arrived.id}.age`, arrived.file);
        const detail = `${known.sizeBytes} bytes on disk`;
        await packages.addCustody(scope, arrived.id, { who: who(product), action: "upload-finished", detail });
        const verified = `SHA-256 ${known.sha256} as announced`;
        await packages.addCustody(scope, arrived.id, { who: "the portal", action: "verified", detail: verified });
        await packages.complete(scope, arrived.id, blobKey);
      }
      await deps.advance(scope, known.caseId, "package-complete");
    },
    async failed(scope: CustomerScope, failure: { id: PackageId; caseId: CaseId; code: ErrorCode }) {
      await packages.fail(scope, failure.id);
      await deps.advance(scope, failure.caseId, "package-failed");
    },
  };
}
