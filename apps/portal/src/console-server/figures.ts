import { type CustomerId, type CustomerScope, type ProductId, STREAMS } from "@tms/records";
import { type Case, turnOf } from "#app/cases/index.ts";
import { type Core, PROVIDER } from "#app/core/index.ts";
import { type Completeness, completenessOf } from "#app/event-index/index.ts";
import { livenessOf } from "#app/heartbeats/index.ts";
import { needsSomebody } from "#app/incidents/index.ts";
import { createReadProducts, hasEnded } from "#app/products/index.ts";

/** Figures that need several slices at once; each is read from the slices' doors, nothing is kept here. */
export function createFigures(core: Core) {
  const readProducts = createReadProducts({
    provider: PROVIDER,
    registered: core.registration.store.list,
    heard: core.heartbeats.store.allFacts,
    livenessOf: async (customer, lastSeenAt, time) =>
      livenessOf(lastSeenAt, time, await core.customers.rulesOf({ customer })),
    serving: core.heartbeats.store.serving,
    sent: core.heartbeats.store.sentByProduct,
    lastLogs: core.intake.lastLogs,
    loss: core.intake.lossByProduct,
    beside: core.index.besideByProduct,
    distinct: core.events.distinctByProduct,
    clock: core.clock,
  });

  async function completeness(scope: CustomerScope, product: ProductId): Promise<Completeness[]> {
    const ledgers = await core.heartbeats.store.ledgers(scope, product);
    return Promise.all(
      STREAMS.map(async (stream) => {
        const place = { product, stream };
        const [batches, indexed, stored] = await Promise.all([
          core.intake.batches(scope, place),
          core.index.results(scope, place),
          core.events.rowsByBatch(scope, place),
        ]);
        return completenessOf({
          stream,
          ledgers: ledgers.filter((ledger) => ledger.stream === stream),
          batches,
          indexed,
          storedRows: stored.byBatch,
          distinctIndexed: stored.distinct,
        });
      }),
    );
  }

  return {
    readProducts,
    completeness,
    /** "Is this all the data?" over everything that a product sent. */
    async dataComplete(scope: CustomerScope, product: ProductId | null): Promise<{ complete: boolean; text: string }> {
      if (product === null) return { complete: false, text: "It is not known which product told this story." };
      return completeText(await completeness(scope, product));
    },
    async ofCustomers() {
      const [products, cases] = await Promise.all([readProducts(), core.cases.store.list(PROVIDER, {})]);
      return (id: CustomerId) => {
        const own = products.filter((one) => one.registered.customer === id && !hasEnded(one.standing.state));
        return {
          products: own.length,
          productsNeedingSomebody: own.filter((one) => one.standing.needsSomebody).length,
          openCases: cases.filter((one) => one.customer === id && isOpen(one)).length,
        };
      };
    },
    async menu() {
      const [products, cases, incidents] = await Promise.all([
        readProducts(),
        core.cases.store.list(PROVIDER, {}),
        core.incidents.store.list(PROVIDER, {}),
      ]);
      return {
        products: products.filter((one) => one.standing.needsSomebody).length,
        cases: cases.filter((one) => turnOf(one.state) === "you").length,
        incidents: incidents.filter(needsSomebody).length,
      };
    },
  };
}
export type Figures = ReturnType<typeof createFigures>;

function isOpen(one: Case): boolean {
  return turnOf(one.state) !== "nobody";
}

/** Complete is said of all streams only if it is true of each: what one has more makes up for no other's loss. */
export function completeText(streams: readonly Completeness[]): { complete: boolean; text: string } {
  const total = (pick: (one: Completeness) => number) => streams.reduce((sum, one) => sum + pick(one), 0);
  const [received, lost] = [total((one) => one.received), total((one) => one.lost)];
  const unreadable = total((one) => one.unreadable);
  const waiting = total((one) => Math.max(0, (one.sent ?? 0) - arrivedOf(one)));
  const complete = lost === 0 && unreadable === 0 && waiting === 0 && streams.some((one) => one.sent !== null);
  const parts = [`${received} of ${total(sentOf)} records received`, `${lost} lost`];
  if (unreadable > 0) parts.push(`${unreadable} unreadable`);
  if (waiting > 0) parts.push(`${waiting} still on their way`);
  return { complete, text: `${parts.join(", ")}.` };
}

function arrivedOf({ received, lost, unreadable }: Completeness): number {
  return received + lost + unreadable;
}

/** Whatever arrived was sent, even if the sender's last word is older. */
function sentOf(one: Completeness): number {
  return Math.max(one.sent ?? 0, arrivedOf(one));
}
