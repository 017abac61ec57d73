import { type Completeness, type ProductRow, type ProductView, productRoutes } from "@tms/contracts/portal";
import { AppError, type Clock, type CustomerId, type CustomerScope, type ProductId } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import { keyIdOf } from "@tms/signing";
import type { FastifyInstance } from "fastify";
import { CERTIFICATE_DAYS } from "#app/registration/index.ts";
import { type HistoryOfProduct, historyView } from "./product-history-wire.ts";
import type { Speaker } from "./product-identity.ts";
import { hasEnded } from "./product-state.ts";
import type { ProductOverview, SendSchedule } from "./read-products.ts";

const DAY_MS = 86_400_000;

export interface ProductRouteDeps {
  readProducts(): Promise<ProductOverview[]>;
  customerNames(): Promise<(id: CustomerId) => string>;
  completeness(scope: CustomerScope, product: ProductId): Promise<Completeness[]>;
  removeProduct(
    scope: CustomerScope,
    product: ProductId,
    confirmation: { typedName: string; by: string },
  ): Promise<unknown>;
  history(
    scope: CustomerScope,
    asked: { product: ProductId; from: Date | null; to: Date | null },
  ): Promise<HistoryOfProduct>;
  /** Hints to a product that it may renew its keys now. */
  askToRenew(scope: CustomerScope, product: ProductId): Promise<unknown>;
  /** Hints to a product that it may send its logs now, whatever its schedule says. */
  askForLogs(scope: CustomerScope, product: ProductId): Promise<unknown>;
  heartbeatSecondsOf(customer: CustomerId): Promise<number>;
  audit: Audit;
  clock: Clock;
}

export function registerProductRoutes(app: FastifyInstance, deps: ProductRouteDeps): void {
  async function located(id: ProductId): Promise<ProductOverview> {
    const found = (await deps.readProducts()).find((one) => one.registered.id === id);
    if (found === undefined) throw new AppError("product.unknown", { product: id });
    return found;
  }

  implement(app, productRoutes.listProducts, async ({ query }) => {
    const [overviews, nameOf] = await Promise.all([deps.readProducts(), deps.customerNames()]);
    const ofCustomer = overviews.filter(
      (one) => query.customer === undefined || one.registered.customer === query.customer,
    );
    const all = ofCustomer.map((one) => productRow(one, nameOf(one.registered.customer)));
    const search = query.search?.toLowerCase() ?? "";
    const wanted = all.filter(
      (row) =>
        (query.state === undefined ? !hasEnded(row.state) : row.state === query.state) &&
        [row.name, row.host, row.address, row.customer.name].some((text) => text.toLowerCase().includes(search)),
    );
    wanted.sort(
      (one, other) => Number(other.needsSomebody) - Number(one.needsSomebody) || one.name.localeCompare(other.name),
    );
    const counts: Record<string, number> = {};
    for (const row of all) counts[row.state] = (counts[row.state] ?? 0) + 1;
    return {
      rows: wanted.slice((query.page - 1) * query.pageSize, query.page * query.pageSize),
      total: wanted.length,
      asOf: deps.clock.now().toISOString(),
      counts,
      unregistered: all.filter((row) => hasEnded(row.state)).length,
      customers: new Set(all.map((row) => row.customer.id)).size,
    };
  });

  implement(app, productRoutes.getProduct, async ({ params }) => {
    const [overview, nameOf] = await Promise.all([located(params.id), deps.customerNames()]);
    const { registered } = overview;
    return {
      ...productRow(overview, nameOf(registered.customer)),
      certificate: certificateView(registered),
      sshFingerprint: registered.sshFingerprint,
      protocolSeen: overview.lastLogs?.protocol ?? null,
      completeness: await deps.completeness({ customer: registered.customer }, registered.id),
      heartbeatSeconds: await deps.heartbeatSecondsOf(registered.customer),
      schedule: scheduleView(overview.heard?.schedule ?? null),
      speakers: overview.identity.speakers.map(speakerView),
    };
  });

  implement(app, productRoutes.productHistory, async ({ params, query }) => {
    const { registered } = await located(params.id);
    const asked = { product: params.id, from: dateOf(query.from), to: dateOf(query.to) };
    return historyView(await deps.history({ customer: registered.customer }, asked));
  });

  /** A hint to the product; whoever asked for it stands in the audit log. */
  const ask = async (
    id: ProductId,
    by: { userName: string; action: string; hint: (scope: CustomerScope, product: ProductId) => Promise<unknown> },
  ) => {
    const { registered, standing } = await located(id);
    if (hasEnded(standing.state)) throw new AppError("product.unknown", { product: id });
    const { customer, name } = registered;
    await by.hint({ customer }, id);
    await deps.audit.write({ actor: by.userName, action: by.action, subject: id, detail: { name }, customer });
    return { asked: true as const };
  };
  implement(app, productRoutes.renewProduct, ({ params, session: { userName } }) =>
    ask(params.id, { userName, action: "product.renewal-asked", hint: deps.askToRenew }),
  );
  implement(app, productRoutes.askForLogs, ({ params, session: { userName } }) =>
    ask(params.id, { userName, action: "product.logs-asked", hint: deps.askForLogs }),
  );

  implement(app, productRoutes.removeProduct, async ({ params, body, session }) => {
    const { registered } = await located(params.id);
    const scope: CustomerScope = { customer: registered.customer };
    await deps.removeProduct(scope, params.id, { typedName: body.typedName, by: session.userName });
    await deps.audit.write({
      actor: session.userName,
      action: "product.removed",
      subject: params.id,
      detail: { name: registered.name, host: registered.host },
      customer: registered.customer,
    });
    return { removed: true as const };
  });
}

function speakerView({ instanceId, host, address, version, start, firstSeenMs, lastSeenMs }: Speaker) {
  const seen = { firstSeenAt: new Date(firstSeenMs).toISOString(), lastSeenAt: new Date(lastSeenMs).toISOString() };
  return { instanceId, host, address, version, start, ...seen };
}

/** Valid from a day before it was issued, for clocks that are behind; a product renews at two thirds of that. */
function certificateView(registered: ProductOverview["registered"]): ProductView["certificate"] {
  const end = registered.certificateNotAfter.getTime();
  const issued = end - CERTIFICATE_DAYS * DAY_MS;
  const begin = issued - DAY_MS;
  return {
    serial: registered.certificateSerial,
    issuedAt: new Date(issued).toISOString(),
    renewsAt: new Date(begin + ((end - begin) * 2) / 3).toISOString(),
    notAfter: registered.certificateNotAfter.toISOString(),
    fingerprint: registered.spki,
    signingFingerprint: keyIdOf(registered.signingKeySpki),
    renewedTimes: registered.renewedTimes,
  };
}

function scheduleView(schedule: SendSchedule | null): ProductView["schedule"] {
  if (schedule === null) return null;
  const { everyMinutes, nextAt, lastRun } = schedule;
  if (lastRun === null) return { everyMinutes, nextAt: textOf(nextAt), lastRun: null };
  const run = { ...lastRun, startedAt: lastRun.startedAt.toISOString(), endedAt: textOf(lastRun.endedAt) };
  return { everyMinutes, nextAt: textOf(nextAt), lastRun: run };
}

function dateOf(at: string | undefined): Date | null {
  return at === undefined ? null : new Date(at);
}

function textOf(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}

function productRow(overview: ProductOverview, customerName: string): ProductRow {
  const { registered, heard, facts, standing, records } = overview;
  return {
    id: registered.id,
    customer: { id: registered.customer, name: customerName },
    name: registered.name,
    host: heard?.host ?? registered.host,
    state: standing.state,
    stateSince: standing.since?.toISOString() ?? null,
    stateReason: standing.reason,
    needsSomebody: standing.needsSomebody,
    registration: facts.registration,
    liveness: facts.liveness,
    ready: facts.ready,
    sending: facts.sending,
    identity: overview.identity.identity,
    lastHeartbeatAt: facts.lastSeenAt?.toISOString() ?? null,
    lastLogsAt: overview.lastLogs?.at.toISOString() ?? null,
    agents: heard?.agents ?? null,
    version: heard?.version ?? registered.version,
    address: heard?.address ?? registered.address,
    email: registered.email,
    records: { ...records, trueUpTo: records.trueUpTo?.toISOString() ?? null },
    registeredAt: registered.registeredAt.toISOString(),
  };
}
