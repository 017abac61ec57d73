import type { Clock, CustomerId, CustomerScope, ProductId, ProviderScope, Registration } from "@tms/records";
import { type IdentityFact, identityOf, type SpeakersWatch } from "./product-identity.ts";
import { type ProductFacts, type StateOfProduct, stateOfProduct } from "./product-state.ts";

/** What the other slices know of products; this slice keeps nothing itself. */
export interface Registered {
  customer: CustomerId;
  id: ProductId;
  name: string;
  host: string;
  version: string;
  address: string;
  email: string | null;
  registration: Registration;
  registeredAt: Date;
  endedAt: Date | null;
  endedBy: string | null;
  clonedAt: Date | null;
  certificateSerial: string;
  certificateNotAfter: Date;
  spki: string;
  sshFingerprint: string;
  signingKeySpki: Buffer;
  renewedTimes: number;
}

/** When logs leave, by the product's own clock; 0 minutes = at once. */
export interface SendSchedule {
  everyMinutes: number;
  nextAt: Date | null;
  lastRun: { startedAt: Date; endedAt: Date | null; ok: boolean; code: string | null } | null;
}

export interface ReadinessReason {
  code: string;
  text: string;
}

/** What a product said of itself at one time. */
export interface Said {
  ready: { ok: boolean; reasons: ReadinessReason[] };
  version: string;
  host: string;
  address: string;
}

export interface Heard {
  product: ProductId;
  version: string;
  host: string;
  address: string;
  ready: { ok: boolean; reasons: { code: string; text: string }[] };
  readySince: Date;
  sending: "on" | "disabled";
  sendingSince: Date;
  agents: number | null;
  lastSeenAt: Date | null;
  schedule: SendSchedule | null;
  watch: SpeakersWatch | null;
}

export interface ReadProductsDeps {
  provider: ProviderScope;
  registered(scope: ProviderScope): Promise<Registered[]>;
  heard(scope: ProviderScope): Promise<Heard[]>;
  livenessOf(
    customer: CustomerId,
    lastSeenAt: Date | null,
    time: { now: Date; serving: readonly { since: Date; until: Date }[] },
  ): Promise<ProductFacts["liveness"]>;
  serving(scope: ProviderScope, after: Date): Promise<{ since: Date; until: Date }[]>;
  sent(scope: ProviderScope): Promise<Map<ProductId, { sent: number; reportedAt: Date }>>;
  lastLogs(scope: ProviderScope): Promise<Map<ProductId, { at: Date; protocol: "ssl" | "ssh" }>>;
  loss(scope: ProviderScope): Promise<Map<ProductId, { lost: number; unreadable: number }>>;
  beside(scope: ProviderScope): Promise<Map<ProductId, { repeated: number; keptAside: number }>>;
  distinct(scope: CustomerScope): Promise<Map<ProductId, number>>;
  clock: Clock;
}

export interface ProductOverview {
  registered: Registered;
  heard: Heard | null;
  facts: ProductFacts;
  standing: StateOfProduct;
  lastLogs: { at: Date; protocol: "ssl" | "ssh" } | null;
  identity: IdentityFact;
  records: { sent: number | null; received: number; lost: number; trueUpTo: Date | null };
}

/** Periods of service older than this cannot matter: the longest threshold is shorter. */
const SERVING_MEMORY_MS = 8 * 24 * 3_600_000;

/** All registered products with what is known of each. */
export function createReadProducts(deps: ReadProductsDeps) {
  return async function readProducts(): Promise<ProductOverview[]> {
    const { provider } = deps;
    const now = deps.clock.now();
    const [registered, heard, serving, sent, lastLogs, loss, beside] = await Promise.all([
      deps.registered(provider),
      deps.heard(provider),
      deps.serving(provider, new Date(now.getTime() - SERVING_MEMORY_MS)),
      deps.sent(provider),
      deps.lastLogs(provider),
      deps.loss(provider),
      deps.beside(provider),
    ]);
    const distinct = await distinctOf(deps, new Set(registered.map((one) => one.customer)));
    const heardBy = new Map(heard.map((one) => [one.product, one]));
    const overviewOf = async (one: Registered): Promise<ProductOverview> => {
      const said = heardBy.get(one.id) ?? null;
      const identity = identityOf(one.clonedAt, said?.watch ?? null);
      const facts: ProductFacts = {
        registration: registrationNow(one, now),
        registeredAt: one.registeredAt,
        certificateNotAfter: one.certificateNotAfter,
        endedAt: one.endedAt,
        endedBy: one.endedBy,
        clonedAt: one.clonedAt,
        hosts: identity.speakers.map((speaker) => speaker.host),
        liveness: await deps.livenessOf(one.customer, said?.lastSeenAt ?? null, { now, serving }),
        lastSeenAt: said?.lastSeenAt ?? null,
        ready: said?.ready ?? null,
        readySince: said?.readySince ?? null,
        sending: said?.sending ?? "on",
        sendingSince: said?.sendingSince ?? null,
      };
      const aside = beside.get(one.id);
      const ledger = sent.get(one.id);
      return {
        registered: one,
        heard: said,
        facts,
        standing: stateOfProduct(facts),
        identity,
        lastLogs: lastLogs.get(one.id) ?? null,
        records: {
          sent: ledger?.sent ?? null,
          received: (distinct.get(one.id) ?? 0) + (aside?.repeated ?? 0) + (aside?.keptAside ?? 0),
          lost: loss.get(one.id)?.lost ?? 0,
          trueUpTo: ledger?.reportedAt ?? null,
        },
      };
    };
    return Promise.all(registered.map(overviewOf));
  };
}

/** Once its certificate has expired a product may only renew. */
function registrationNow({ registration, certificateNotAfter }: Registered, now: Date): Registration {
  const stands = registration === "registered" || registration === "unconfirmed";
  return stands && certificateNotAfter <= now ? "may-only-renew" : registration;
}

async function distinctOf(deps: ReadProductsDeps, customers: ReadonlySet<CustomerId>): Promise<Map<ProductId, number>> {
  const all = new Map<ProductId, number>();
  for (const customer of customers) {
    for (const [product, count] of await deps.distinct({ customer })) all.set(product, count);
  }
  return all;
}
