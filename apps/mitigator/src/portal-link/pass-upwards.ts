import type { Spool, SpoolCursor } from "@tms/link/lower";
import type { Clock, Epoch, LinkRecord, ProductId, Stream } from "@tms/records";
import type { PortalLinkStore } from "./portal-link-store.ts";

/** Where records came from; `number` is that of the last one. */
export interface PassedFrom {
  source: ProductId;
  stream: Stream;
  epoch: Epoch;
  number: number;
}

export interface Loss {
  count: number;
  from: string;
  to: string;
}

/**
 * The one way into the own spool. Idempotent by (source, stream, epoch, number).
 *
 * While sending is off nothing is spooled: what passes by is counted and held. Once sending is on again it is sent, if a
 * person ticked that; the rest is declared as one gap a stream (domain, section 3).
 */
export interface PassUpwards {
  records(from: PassedFrom, records: readonly LinkRecord[]): Promise<void>;
  loss(from: PassedFrom, loss: Loss): Promise<void>;
  /** Sends or declares what was not sent while sending was off. */
  declareDisabled(source: ProductId): Promise<void>;
}

export function createPassUpwards(deps: {
  spool: Spool;
  store: PortalLinkStore;
  isSending: () => boolean;
  clock: Clock;
}): PassUpwards {
  const { spool, store } = deps;
  const cursorOf = ({ source, stream, epoch, number }: PassedFrom) => ({ agent: source, stream, epoch, number });
  return {
    async records(from, records) {
      if (!deps.isSending()) return store.skip(from, { count: records.length, records });
      await spool.append(from.stream, records, { cursor: cursorOf(from) });
      await store.spooled(
        from.stream,
        records.map(({ id }) => id),
      );
    },
    async loss(from, { count, ...times }) {
      if (!deps.isSending()) return store.skip(from, { count, records: [] });
      await spool.appendGap(from.stream, { cause: "lower-gap", count, ...times }, { cursor: cursorOf(from) });
    },
    async declareDisabled(source) {
      const disabled = (await store.settings())?.disabled ?? null;
      if (disabled === null) return;
      const [from, to] = [disabled.since.toISOString(), deps.clock.now().toISOString()];
      for (const { stream, count } of await store.skipped()) {
        // The period's own id is the cursor: a crash before `enabled` sends and declares the same once.
        const place = { agent: source, stream, epoch: disabled.period as Epoch };
        const sent = disabled.sendMeanwhile ? await sendHeld(deps, place) : 0;
        if (count <= sent) continue;
        const gap = { cause: "sending-disabled" as const, count: count - sent, from, to };
        await spool.appendGap(stream, gap, { cursor: { ...place, number: GAP_NUMBER } });
      }
      await store.enabled();
    },
  };
}

/** Behind the number of any held record. */
const GAP_NUMBER = Number.MAX_SAFE_INTEGER;
const HELD_PAGE = 1000;

/** @returns how many held records lie in the spool now */
async function sendHeld(
  { spool, store }: { spool: Spool; store: PortalLinkStore },
  place: Omit<SpoolCursor, "number">,
): Promise<number> {
  let sent = 0;
  for (let after = 0; ; ) {
    const page = await store.held(place.stream, { after, limit: HELD_PAGE });
    const last = page.at(-1);
    if (last === undefined) return sent;
    const records = page.map(({ record }) => record);
    await spool.append(place.stream, records, { cursor: { ...place, number: last.id } });
    await store.spooled(
      place.stream,
      records.map(({ id }) => id),
    );
    sent += page.length;
    after = last.id;
  }
}
