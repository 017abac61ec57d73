import type { ConnectionDetails } from "@tms/contracts/link";
import { type CustomerKeys, type CustomerRow, customerRoutes } from "@tms/contracts/portal";
import { AppError, type Clock, type CustomerId, type ProviderScope } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { type Limits, limitsInForce } from "#app/limits/index.ts";
import { type createAddCustomer, type KeyBundle, newPassword } from "./add-customer.ts";
import { type Customer, hasExpired } from "./customer.ts";
import type { CustomerStore } from "./customer-store.ts";

type RowFigures = Pick<CustomerRow, "products" | "productsNeedingSomebody" | "openCases">;

export interface CustomerRouteDeps {
  scope: ProviderScope;
  store: CustomerStore;
  addCustomer: ReturnType<typeof createAddCustomer>;
  forgetValidity(id: CustomerId): void;
  hashPassword(password: string): Promise<string>;
  randomBytes(count: number): Buffer;
  /** Figures of other slices for a customer's row. */
  figures(): Promise<(id: CustomerId) => RowFigures>;
  /** Addresses and fingerprints as really in force. */
  connection(): Pick<ConnectionDetails, "statusServer" | "logServer" | "caPins" | "sshHostKeys">;
  /** The portal's own, of every customer that has none. */
  limits: Limits;
  audit: Audit;
  clock: Clock;
}

export function registerCustomerRoutes(app: FastifyInstance, deps: CustomerRouteDeps): void {
  const { store, scope } = deps;

  async function known(id: CustomerId): Promise<Customer> {
    const customer = await store.find(scope, id);
    if (customer === null) throw new AppError("customer.unknown", { customer: id });
    return customer;
  }

  const viewOf = (customer: Customer, figures: RowFigures): CustomerRow => ({
    ...customerRow(customer, figures, deps.clock.now()),
    limitsInForce: limitsInForce(deps.limits, customer.limits),
  });

  async function rowOf(customer: Customer): Promise<CustomerRow> {
    return viewOf(customer, (await deps.figures())(customer.id));
  }

  implement(app, customerRoutes.listCustomers, async () => {
    const [customers, figures] = await Promise.all([store.list(scope), deps.figures()]);
    return { customers: customers.map((customer) => viewOf(customer, figures(customer.id))) };
  });

  implement(app, customerRoutes.getCustomer, async ({ params }) => rowOf(await known(params.id)));

  implement(app, customerRoutes.addCustomer, async ({ body, session }) => {
    const terms = { validUntil: new Date(body.validUntil), contactEmail: body.contactEmail ?? null };
    const added = await deps.addCustomer(scope, bundleOf(body.keys), terms);
    await deps.audit.write({
      actor: session.userName,
      action: "customer.added",
      subject: added.customer.id,
      detail: { name: added.customer.name, validUntil: body.validUntil, patternRoot: added.customer.patternRoot },
      customer: added.customer.id,
    });
    return { customer: await rowOf(added.customer), password: added.password };
  });

  implement(app, customerRoutes.changeCustomer, async ({ params, body, session }) => {
    const changed = await store.change(scope, params.id, {
      validUntil: body.validUntil === undefined ? undefined : new Date(body.validUntil),
      contactEmail: body.contactEmail,
      limits: body.limits,
      heartbeat: body.heartbeat,
    });
    if (changed === null) throw new AppError("customer.unknown", { customer: params.id });
    deps.forgetValidity(params.id);
    await deps.audit.write({
      actor: session.userName,
      action: "customer.changed",
      subject: params.id,
      detail: { ...body },
      customer: params.id,
    });
    return rowOf(changed);
  });

  implement(app, customerRoutes.newCustomerPassword, async ({ params, session }) => {
    await known(params.id);
    const password = newPassword(deps.randomBytes);
    await store.setPassword(scope, params.id, await deps.hashPassword(password));
    await deps.audit.write({
      actor: session.userName,
      action: "customer.password_made",
      subject: params.id,
      detail: {},
      customer: params.id,
    });
    return { password };
  });

  implement(app, customerRoutes.connectionDetails, async ({ params }) => {
    const customer = await known(params.id);
    return {
      schema: "tms.connection/1" as const,
      customer: { id: customer.id, name: customer.name },
      ...deps.connection(),
      patternRoot: customer.patternRoot,
      userName: customer.userName,
    };
  });
}

function customerRow(customer: Customer, figures: RowFigures, now: Date): Omit<CustomerRow, "limitsInForce"> {
  return {
    id: customer.id,
    name: customer.name,
    validUntil: customer.validUntil.toISOString(),
    expired: hasExpired(customer, now),
    contactEmail: customer.contactEmail,
    userName: customer.userName,
    ...figures,
    patternRoot: customer.patternRoot,
    demoKeys: customer.demoKeys,
    createdAt: customer.createdAt.toISOString(),
    limits: customer.limits,
    heartbeat: customer.heartbeat,
  };
}

function bundleOf(keys: CustomerKeys): KeyBundle {
  const decoded = (files: Record<string, string>) =>
    new Map(Object.entries(files).map(([name, base64]) => [name, Buffer.from(base64, "base64")]));
  return {
    customer: keys.customer,
    demo: keys.demo,
    metadata: decoded(keys.metadata),
    targets: decoded(keys.targets),
    onlineKeys: keys.onlineKeys,
  };
}
