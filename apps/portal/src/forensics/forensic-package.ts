import type { CaseId, EndpointId, PackageId, ProductId, Sha256 } from "@tms/records";

/** An encrypted package as the portal keeps it; it never sees plain bytes. */
export interface ForensicPackage {
  id: PackageId;
  caseId: CaseId;
  product: ProductId;
  endpoint: EndpointId;
  sizeBytes: number;
  receivedBytes: number;
  sha256: Sha256;
  state: "uploading" | "complete" | "failed";
  recipients: string[];
  blobKey: string | null;
  uploadedAt: Date | null;
}

/** What the sender announces, already checked in form. */
export interface AnnouncedPackage {
  id: PackageId;
  caseId: CaseId;
  endpoint: EndpointId;
  sha256: Sha256;
  recipients: string[];
}

/** 4 GiB; a package that is larger is refused before its first byte. */
export const MAX_PACKAGE_BYTES = 4 * 1024 * 1024 * 1024;
