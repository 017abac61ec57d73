import { AppError, type Clock, type CustomerScope, type ProductId, type Sha256 } from "@tms/records";
import { type RegisteredProduct, type RegistrationRequest, sshKeyBlob } from "./registered-product.ts";

/** Days that a product's certificate is valid (architecture, section 5). */
export const CERTIFICATE_DAYS = 90;

export type NewProduct = Omit<RegisteredProduct, "registeredAt" | "endedAt" | "endedBy" | "clonedAt" | "renewedTimes">;

export interface RegisterProductStore {
  /** Two registrations of one installation go one after the other, so that it becomes one product. */
  lockedForInstance<T>(
    scope: CustomerScope,
    instanceId: string,
    work: (tx: {
      /** What this installation was registered as before. */
      existing: { id: ProductId; spki: Sha256; isCloned: boolean } | null;
      /** Writes the product; an existing one gets the new keys and stands as registered again. */
      save(product: NewProduct, sshKey: Buffer): Promise<void>;
    }) => Promise<T>,
  ): Promise<T>;
}

export interface RegisterProductDeps {
  store: RegisterProductStore;
  checkCredentials(userName: string, password: string, fromAddress: string): Promise<CustomerScope>;
  issueClient(request: {
    csrPem: string;
    customer: CustomerScope["customer"];
    product: ProductId;
    days: number;
  }): Promise<{
    certPem: string;
    spki: Sha256;
    serial: string;
    notAfter: Date;
  }>;
  sshFingerprintOf(blob: Buffer): string;
  newId: () => ProductId;
  clock: Clock;
}

export interface Registered {
  scope: CustomerScope;
  product: ProductId;
  certificatePem: string;
}

/**
 * Registers a product: user name and password buy a certificate over the caller's own key.
 *
 * @throws {AppError} `link.credentials_wrong`, `link.credentials_throttled`, `link.csr_invalid`, `link.identity_clone`.
 */
export function createRegisterProduct(deps: RegisterProductDeps) {
  return async function registerProduct(
    request: RegistrationRequest,
    credentials: { userName: string; password: string },
    fromAddress: string,
  ): Promise<Registered> {
    const scope = await deps.checkCredentials(credentials.userName, credentials.password, fromAddress);
    // Agents enrol at their mitigator; the portal knows them by their endpoint ids only.
    if (request.kind === "agent") throw new AppError("request.malformed", { kind: request.kind });
    return deps.store.lockedForInstance(scope, request.instanceId, async ({ existing, save }) => {
      // The same installation that registers again stays the same product.
      const product = existing?.id ?? deps.newId();
      const { customer } = scope;
      const certificate = await deps.issueClient({
        csrPem: request.csrPem,
        customer,
        product,
        days: CERTIFICATE_DAYS,
      });
      // A key that two machines hold gets nothing; each is told, and comes back with keys and an instance of its own.
      if (existing?.isCloned && existing.spki === certificate.spki)
        throw new AppError("link.identity_clone", { product });
      const sshKey = sshKeyBlob(request.sshPublicKey);
      await save(
        {
          customer,
          id: product,
          kind: request.kind,
          name: request.name,
          host: request.host,
          version: request.version,
          address: fromAddress,
          email: request.email,
          instanceId: request.instanceId,
          registration: request.pinned ? "registered" : "unconfirmed",
          spki: certificate.spki,
          sshFingerprint: deps.sshFingerprintOf(sshKey),
          signingKeySpki: request.signingKeySpki,
          certificateSerial: certificate.serial,
          certificateNotAfter: certificate.notAfter,
        },
        sshKey,
      );
      return { scope, product, certificatePem: certificate.certPem };
    });
  };
}
