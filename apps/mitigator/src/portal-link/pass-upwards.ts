import type { Spool } from "@tms/link/lower";
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
 * While sending is off nothing is spooled: what passes by is counted, and declared as one gap a stream once sending is
 * on again (domain, section 3).
 */
export interface PassUpwards {
  records(from: PassedFrom, records: readonly LinkRecord[]): Promise<void>;
  loss(from: PassedFrom, loss: Loss): Promise<void>;
  /** Declares what was not sent while sending was off. */
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
      if (!deps.isSending()) return store.skip(from, records.length);
      await spool.append(from.stream, records, { cursor: cursorOf(from) });
      await store.spooled(
        from.stream,
        records.map(({ id }) => id),
      );
    },
    async loss(from, { count, ...times }) {
      if (!deps.isSending()) return store.skip(from, count);
      await spool.appendGap(from.stream, { cause: "lower-gap", count, ...times }, { cursor: cursorOf(from) });
    },
    async declareDisabled(source) {
      const disabled = (await store.settings())?.disabled ?? null;
      if (disabled === null) return;
      const [from, to] = [disabled.since.toISOString(), deps.clock.now().toISOString()];
      for (const { stream, count } of await store.skipped()) {
        if (count === 0) continue;
        // The period's own id is the cursor: a crash before `enabled` declares the same gap once.
        const cursor = { agent: source, stream, epoch: disabled.period as Epoch, number: 1 };
        await spool.appendGap(stream, { cause: "sending-disabled", count, from, to }, { cursor });
      }
      await store.enabled();
    },
  };
}
