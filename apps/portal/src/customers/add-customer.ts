import { AppError, type CustomerId, type CustomerScope, type ProviderScope, type Sha256 } from "@tms/records";
import { type Customer, userNameOf } from "./customer.ts";

/** The public bundle of a key ceremony, decoded; nothing in it is believed before `openRepository` has verified it. */
export interface KeyBundle {
  customer: { id: CustomerId; name: string };
  demo: boolean;
  metadata: ReadonlyMap<string, Buffer>;
  targets: ReadonlyMap<string, Buffer>;
  onlineKeys: { snapshot: string; timestamp: string };
}

export interface AddCustomerDeps {
  customers: {
    insert(
      scope: ProviderScope,
      customer: Omit<Customer, "createdAt" | "limits" | "heartbeat">,
      passwordHash: string,
    ): Promise<Customer>;
    find(scope: ProviderScope, id: CustomerId): Promise<Customer | null>;
  };
  /** Verifies the bundle offline and publishes the first snapshot; gives the root's fingerprint. */
  openRepository(scope: CustomerScope, bundle: KeyBundle): Promise<Sha256>;
  hashPassword(password: string): Promise<string>;
  randomBytes(count: number): Buffer;
}

/** Bytes of a registration password; it is shown once, so it may be long. */
const PASSWORD_BYTES = 18;

export function newPassword(randomBytes: (count: number) => Buffer): string {
  return randomBytes(PASSWORD_BYTES).toString("base64url");
}

/**
 * Adds a customer. The repository is opened first: a crash between the two leaves files that nobody serves, never a
 * customer without a repository, and the same bundle may be added again.
 */
export function createAddCustomer(deps: AddCustomerDeps) {
  return async function addCustomer(
    scope: ProviderScope,
    bundle: KeyBundle,
    terms: { validUntil: Date; contactEmail: string | null },
  ): Promise<{ customer: Customer; password: string }> {
    const { id, name } = bundle.customer;
    if ((await deps.customers.find(scope, id)) !== null) throw new AppError("customer.exists", { customer: id });
    const patternRoot = await deps.openRepository({ customer: id }, bundle);
    const password = newPassword(deps.randomBytes);
    const customer = await deps.customers.insert(
      scope,
      {
        id,
        name,
        ...terms,
        userName: userNameOf(name, deps.randomBytes(3).toString("hex")),
        patternRoot,
        demoKeys: bundle.demo,
      },
      await deps.hashPassword(password),
    );
    return { customer, password };
  };
}
