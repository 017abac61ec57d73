import type { RegisterAnswer, RegisterRequest, RenewAnswer, RenewRequest } from "@tms/contracts/link";
import type { Authority } from "@tms/link";
import { createIdentityChanges, type IdentitySource, type Peer, type PeerLookup } from "@tms/link/upper";
import {
  AppError,
  type Clock,
  type CustomerId,
  type EndpointId,
  newId,
  type ProductId,
  type Registration,
  type Sha256,
} from "@tms/records";
import { equalSecret } from "@tms/signing";

export interface FakeProduct {
  peer: Peer;
  registration: Registration;
  certificateNotAfter: Date;
  spki: Sha256;
  sshKey: string;
  request: RegisterRequest;
  isCloned: boolean;
  /** Keys that were renewed and not used yet. */
  next: { spki: Sha256; sshKey: string; certificateNotAfter: Date } | null;
}

export interface FakeRegistrationsDeps {
  customer: CustomerId;
  authority: Authority;
  sshHostKeys: () => string[];
  /** Asked each time: a test may set it after the start. */
  patternRoot: () => Sha256;
  checkPassword(userName: string, password: string): Promise<void>;
  onChange(): void;
  clock: Clock;
}

/** The fake portal's table of products: who registered, with which keys, and what became of them. */
export class FakeRegistrations {
  readonly products = new Map<ProductId, FakeProduct>();
  readonly renewals: RenewRequest[] = [];
  /** Enrolment tokens: id to secret. */
  readonly enrolments = new Map<string, string>();
  customerExpired = false;
  readonly #deps: FakeRegistrationsDeps;
  readonly #changes = createIdentityChanges();

  constructor(deps: FakeRegistrationsDeps) {
    this.#deps = deps;
  }

  readonly identity: IdentitySource = {
    bySpki: async (spki) => {
      const renewed = [...this.products.values()].find(({ next }) => next?.spki === spki);
      if (renewed !== undefined) {
        Object.assign(renewed, renewed.next, { next: null });
        this.#changes.tell(renewed.peer.product);
      }
      return this.#lookUp((product) => product.spki === spki);
    },
    bySshKey: async (user, blob) => {
      const key = blob.toString("base64");
      return this.#lookUp(
        ({ peer, sshKey, next }) => peer.product === user && (sshKey === key || next?.sshKey === key),
      );
    },
    onChange: (listener) => this.#changes.onChange(listener),
  };

  /** Two installations proved to hold this identity. */
  setCloned(product: ProductId): void {
    const known = this.products.get(product);
    if (known === undefined) return;
    known.isCloned = true;
    this.#changes.tell(product);
  }

  setRegistration(product: ProductId, registration: Registration): void {
    const known = this.products.get(product);
    if (known === undefined) return;
    known.registration = registration;
    this.#changes.tell(product);
  }

  #lookUp(matches: (product: FakeProduct) => boolean): PeerLookup {
    const found = [...this.products.values()].find(matches);
    if (found === undefined) return { kind: "unknown" };
    const { peer, registration, certificateNotAfter, isCloned } = found;
    return {
      kind: "known",
      peer: { ...peer, customerExpired: this.customerExpired },
      registration,
      certificateNotAfter,
      isCloned,
    };
  }

  async register(request: RegisterRequest): Promise<RegisterAnswer> {
    const { credentials } = request;
    if (credentials.kind === "password") await this.#deps.checkPassword(credentials.userName, credentials.password);
    else if (!equalSecret(credentials.secret, this.enrolments.get(credentials.id) ?? "")) {
      throw new AppError("link.token_unknown");
    }
    const { customer } = this.#deps;
    const patternRoot = this.#deps.patternRoot();
    const endpoint = credentials.kind === "password" ? null : (request.endpoint ?? newId<EndpointId>());
    // The same installation that registers again stays the same product, as at a portal.
    const again = [...this.products.values()].find((one) => one.request.instanceId === request.instanceId);
    const product = again?.peer.product ?? newId<ProductId>();
    const issued = await this.#issue(product, request.certificateRequest);
    if ([...this.products.values()].some((one) => one.isCloned && one.spki === issued.spki)) {
      throw new AppError("link.identity_clone");
    }
    const signingKeySpki = Buffer.from(request.signingKey, "base64");
    this.products.set(product, {
      peer: { customer, product, endpoint, kind: request.kind, signingKeySpki, customerExpired: false },
      registration: request.pinned ? "registered" : "unconfirmed",
      certificateNotAfter: issued.notAfter,
      spki: issued.spki,
      sshKey: request.sshPublicKey.split(" ")[1] ?? "",
      request,
      isCloned: false,
      next: null,
    });
    this.#deps.onChange();
    return { ...this.#answer(product, issued.certPem), ...(endpoint === null ? {} : { endpoint }), patternRoot };
  }

  async renew({ product }: Peer, request: RenewRequest): Promise<RenewAnswer> {
    this.renewals.push(request);
    const known = this.products.get(product);
    if (known === undefined) throw new AppError("link.identity_unknown");
    const issued = await this.#issue(product, request.certificateRequest);
    if (issued.spki === known.spki) throw new AppError("link.csr_invalid");
    const sshKey = request.sshPublicKey.split(" ")[1] ?? "";
    known.next = { spki: issued.spki, sshKey, certificateNotAfter: issued.notAfter };
    this.#deps.onChange();
    return this.#answer(product, issued.certPem);
  }

  #issue(product: ProductId, csrPem: string) {
    const { authority, customer } = this.#deps;
    return authority.issueClient({ csrPem, customer, product, days: 90 });
  }

  #answer(product: ProductId, certificate: string): RenewAnswer {
    const { authority, customer, sshHostKeys, clock } = this.#deps;
    return {
      product,
      customer,
      certificate,
      ca: authority.caPem,
      sshHostKeys: sshHostKeys(),
      serverTime: clock.now().toISOString(),
      limits: { batchBytes: 16_842_752, batchRecords: 10_000, packageBytes: 1_073_741_824 },
    };
  }
}
