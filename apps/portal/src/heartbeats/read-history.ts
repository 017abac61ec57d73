import type { Clock, CustomerScope, ProductId, ProviderScope } from "@tms/records";
import { DEFAULT_SILENCE_RULES, type ServingPeriod, type SilenceRules, thresholdsOf } from "./heartbeat.ts";
import { type History, type HistoryFacts, historyOf } from "./history.ts";
import { type HistoryIncident, historyIncidents } from "./history-incidents.ts";
import { HISTORY_DAYS, type HistoryStore, type SpoolPoint } from "./history-store.ts";

const DAY_MS = 24 * 3_600_000;
const DEFAULT_DAYS = 7;
/** A status server says once a second that it serves; one that said so just now still does. */
const STILL_SERVING_MS = 10_000;

export interface ProductHistory extends History {
  from: Date;
  to: Date;
  spool: SpoolPoint[];
  incidents: HistoryIncident[];
}

export interface ReadHistoryDeps {
  history: Pick<HistoryStore, "changes" | "silences" | "spool">;
  lastSeenAt(scope: CustomerScope, product: ProductId): Promise<Date | null>;
  serving(scope: ProviderScope, after: Date): Promise<ServingPeriod[]>;
  provider: ProviderScope;
  /** The customer's; what was is judged by those of today. */
  rulesOf?(scope: CustomerScope): Promise<SilenceRules>;
  clock: Clock;
}

/** What one product was over a time; the last 7 days unless asked otherwise, and never more than is kept. */
export function createReadHistory(deps: ReadHistoryDeps) {
  return async function readHistory(
    scope: CustomerScope,
    asked: { product: ProductId; from: Date | null; to: Date | null },
  ): Promise<ProductHistory> {
    const now = deps.clock.now();
    const to = new Date(Math.min(asked.to?.getTime() ?? now.getTime(), now.getTime()));
    const wanted = asked.from ?? new Date(to.getTime() - DEFAULT_DAYS * DAY_MS);
    const from = new Date(Math.max(wanted.getTime(), to.getTime() - HISTORY_DAYS * DAY_MS));
    const of = { product: asked.product, from, to };
    const rules = (await deps.rulesOf?.(scope)) ?? DEFAULT_SILENCE_RULES;
    const [changes, ended, spool, lastSeenAt] = await Promise.all([
      deps.history.changes(scope, of),
      deps.history.silences(scope, of),
      deps.history.spool(scope, of),
      deps.lastSeenAt(scope, asked.product),
    ]);
    const silences = [...ended, ...silenceNow(lastSeenAt, { now, to, rules })];
    const since = silences[0]?.since ?? from;
    const serving = await deps.serving(deps.provider, since < from ? since : from);
    const facts: HistoryFacts = { changes, silences, serving: untilNow(serving, now), rules };
    const incidents = historyIncidents({ from, to }, facts);
    return { from, to, ...historyOf({ from, to }, facts), spool, incidents };
  };
}

/** A silence is written down when it ends; the one that goes on is known from the last heartbeat. */
function silenceNow(lastSeenAt: Date | null, { now, to, rules }: { now: Date; to: Date; rules: SilenceRules }) {
  if (lastSeenAt === null || lastSeenAt >= to) return [];
  const silentMs = now.getTime() - lastSeenAt.getTime();
  return silentMs > thresholdsOf(rules).lateAfterMs ? [{ since: lastSeenAt, until: now }] : [];
}

function untilNow(serving: readonly ServingPeriod[], now: Date): ServingPeriod[] {
  return serving.map((period) =>
    period.until.getTime() > now.getTime() - STILL_SERVING_MS ? { ...period, until: now } : period,
  );
}
