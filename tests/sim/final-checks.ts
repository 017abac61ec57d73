import type { ProductId, Stream } from "@tms/records";
import { completenessOf } from "../../apps/portal/src/event-index/completeness.ts";
import type { Scoreboard } from "./invariants.ts";
import type { Observer } from "./observer.ts";
import type { PortalParty } from "./portal-party.ts";

/** What must be true of a stream once everything has drained. */
export function checkStream(
  deps: { portal: PortalParty; observer: Observer; scores: Scoreboard },
  { product, stream }: { product: ProductId; stream: Stream },
): void {
  const { database } = deps.portal;
  const { indexed } = database.tables;
  const batches = database.batches(product, stream);
  const events = database.events(product, stream);
  const { origins } = deps.observer.facts(product, stream);
  const storedRows = new Map<string, number>();
  for (const row of events) storedRows.set(row.batch, (storedRows.get(row.batch) ?? 0) + 1);
  const stored = new Set(events.map((row) => row.id));
  const figures = completenessOf({
    stream,
    ledgers: database.ledgers(product, stream),
    batches,
    indexed: new Map([...indexed].filter(([id]) => batches.some((batch) => batch.id === id))),
    storedRows,
    distinctIndexed: stored.size,
  });

  const accounted = figures.received + figures.unreadable + figures.lost + figures.erased + figures.notYetIndexed;
  deps.scores.check("completeness", figures.sent === accounted, () => {
    const { sent, received, distinctIndexed, repeated, keptAside, unreadable, lost, notYetIndexed, gaps } = figures;
    const told = { sent, received, distinctIndexed, repeated, keptAside, unreadable, lost, notYetIndexed, gaps };
    return `${stream} of ${product}: ${JSON.stringify(told)}`;
  });
  deps.scores.check("I2-counted-once", stored.size === events.length, () => `${stream} of ${product}: rows twice`);

  const kept = [...origins].filter(([, origin]) => origin.fate === "kept");
  const missing = kept.filter(([id, origin]) => !origin.isDamaged && !stored.has(id));
  // A full spool promised nothing. An epoch that ended declares what it had not delivered; nearly all of that is carried
  // over, so it explains a loss only where a batch could not be, because its bytes had rotted.
  const explains = (cause: string) =>
    cause !== "spool-full" && (cause !== "epoch-ended" || deps.observer.rotted.has(product));
  const declared = figures.gaps.reduce((sum, { cause, count }) => sum + (explains(cause) ? count : 0), 0);
  deps.scores.check("nothing-lost", missing.length <= declared, () => {
    const some = missing.slice(0, 5).map(([id, { sequence }]) => `${sequence} ${id}`);
    return `${stream} of ${product}: ${missing.length} of ${kept.length} missing, ${declared} declared: ${some.join(", ")}; gaps ${JSON.stringify(figures.gaps.slice(0, 5))}`;
  });
  const damaged = kept.filter(([, origin]) => origin.isDamaged).length;
  if (damaged > 0) {
    const holds = figures.keptAside + declared >= damaged && figures.notYetIndexed === 0;
    deps.scores.check("I3-damage-stops-nothing", holds, () => {
      return `${stream} of ${product}: ${damaged} damaged, ${figures.keptAside} kept aside, ${declared} declared`;
    });
  }
}
