import { AppError, type CustomerScope, type ProductId, type Sha256 } from "@tms/records";
import { CERTIFICATE_DAYS, type RegisterProductDeps } from "./register-product.ts";
import { type RegisteredProduct, sshKeyBlob } from "./registered-product.ts";

/** Keys with a certificate of their own, in force from their first use on. */
export interface RenewedKeys {
  spki: Sha256;
  sshKey: Buffer;
  sshFingerprint: string;
  certificateSerial: string;
  certificateNotAfter: Date;
}

export interface RenewProductStore {
  find(scope: CustomerScope, product: ProductId): Promise<RegisteredProduct | null>;
  /** Lets these keys wait beside those in force; keys that waited before are forgotten. */
  keepRenewal(scope: CustomerScope, product: ProductId, renewed: RenewedKeys): Promise<void>;
}

/**
 * Certifies a new key of a registered product. The old one stays valid until the first request with the new one, so that
 * an answer that is lost costs nothing: the same request again is answered with another certificate for the same key.
 *
 * @throws {AppError} `link.csr_invalid` for a request that does not verify, and for the key that is in use.
 */
export function createRenewProduct(
  deps: Pick<RegisterProductDeps, "issueClient" | "sshFingerprintOf"> & { store: RenewProductStore },
) {
  return async function renewProduct(
    scope: CustomerScope,
    product: ProductId,
    asked: { csrPem: string; sshPublicKey: string },
  ): Promise<{ certificatePem: string; keys: RenewedKeys }> {
    const known = await deps.store.find(scope, product);
    if (known === null) throw new AppError("product.unknown", { product });
    const { customer } = scope;
    const issued = await deps.issueClient({ csrPem: asked.csrPem, customer, product, days: CERTIFICATE_DAYS });
    if (issued.spki === known.spki) throw new AppError("link.csr_invalid", { reason: "a renewal needs a new key" });
    const sshKey = sshKeyBlob(asked.sshPublicKey);
    const keys = {
      spki: issued.spki,
      sshKey,
      sshFingerprint: deps.sshFingerprintOf(sshKey),
      certificateSerial: issued.serial,
      certificateNotAfter: issued.notAfter,
    };
    await deps.store.keepRenewal(scope, product, keys);
    return { certificatePem: issued.certPem, keys };
  };
}
