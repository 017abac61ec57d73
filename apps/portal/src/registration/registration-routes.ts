import type { RegisterAnswer, RegisterRequest, RenewAnswer, RenewRequest } from "@tms/contracts/link";
import type { Peer } from "@tms/link/upper";
import { AppError, type Clock, type CustomerId, type Sha256 } from "@tms/records";
import type { Audit } from "@tms/server-kit";
import type { createUnregister } from "./end-registration.ts";
import type { createRegisterProduct } from "./register-product.ts";
import type { createRenewProduct } from "./renew-product.ts";

export interface RegistrationHandlerDeps {
  registerProduct: ReturnType<typeof createRegisterProduct>;
  renewProduct: ReturnType<typeof createRenewProduct>;
  unregister: ReturnType<typeof createUnregister>;
  patternRootOf(customer: CustomerId): Promise<Sha256>;
  /** Both may roll over while the server runs. */
  caPem(): string;
  sshHostKeys(): string[];
  limits: RegisterAnswer["limits"];
  audit: Audit;
  clock: Clock;
}

/** The status server's registration part: contract to domain and back. */
export function registrationHandlers(deps: RegistrationHandlerDeps) {
  return {
    async register(request: RegisterRequest, from: { address: string }): Promise<RegisterAnswer> {
      const { credentials } = request;
      // Enrolment tokens are a mitigator's matter; here nobody has one.
      if (credentials.kind !== "password") throw new AppError("link.token_unknown", {});
      const registered = await deps.registerProduct(
        {
          kind: request.kind,
          version: request.version,
          host: request.host,
          name: request.name ?? request.host,
          instanceId: request.instanceId,
          email: request.email ?? null,
          pinned: request.pinned,
          csrPem: request.certificateRequest,
          sshPublicKey: request.sshPublicKey,
          signingKeySpki: Buffer.from(request.signingKey, "base64"),
        },
        credentials,
        from.address,
      );
      const customer = registered.scope.customer;
      await deps.audit.write({
        actor: `product ${registered.product}`,
        action: "product.registered",
        subject: registered.product,
        detail: { host: request.host, address: from.address, version: request.version, pinned: request.pinned },
        customer,
      });
      return {
        product: registered.product,
        customer,
        certificate: registered.certificatePem,
        ca: deps.caPem(),
        sshHostKeys: deps.sshHostKeys(),
        patternRoot: await deps.patternRootOf(customer),
        serverTime: deps.clock.now().toISOString(),
        limits: deps.limits,
      };
    },
    async renew(peer: Peer, request: RenewRequest): Promise<RenewAnswer> {
      const { customer, product } = peer;
      const { certificatePem, keys } = await deps.renewProduct({ customer }, product, {
        csrPem: request.certificateRequest,
        sshPublicKey: request.sshPublicKey,
      });
      await deps.audit.write({
        actor: `product ${product}`,
        action: "product.renewed",
        subject: product,
        detail: { fingerprint: keys.spki, notAfter: keys.certificateNotAfter.toISOString() },
        customer,
      });
      return {
        product,
        customer,
        certificate: certificatePem,
        ca: deps.caPem(),
        sshHostKeys: deps.sshHostKeys(),
        serverTime: deps.clock.now().toISOString(),
        limits: deps.limits,
      };
    },
    async unregister(peer: Peer): Promise<void> {
      await deps.unregister({ customer: peer.customer }, peer.product);
      await deps.audit.write({
        actor: `product ${peer.product}`,
        action: "product.unregistered",
        subject: peer.product,
        detail: {},
        customer: peer.customer,
      });
    },
  };
}
