import { createHash } from "node:crypto";
import { AppError, type Clock, type CustomerScope, type ProductId } from "@tms/records";
import type { Acceptance, Heartbeat, KnownStart } from "./heartbeat.ts";

export interface HeartbeatToStore {
  product: ProductId;
  heartbeat: Heartbeat;
  contentDigest: string;
  address: string;
  clockOffsetMs: number;
}

export interface RecordHeartbeatStore {
  /**
   * Locks the product's row, lets `decide` judge, and commits state, ledgers and outcomes in the same transaction.
   * Nothing is written for a retry or a refusal.
   */
  record(
    scope: CustomerScope,
    arriving: HeartbeatToStore,
    decide: (known: KnownStart | null) => Acceptance,
  ): Promise<Acceptance>;
}

export interface RecordHeartbeatDeps {
  store: RecordHeartbeatStore;
  lastSeen: { note(scope: CustomerScope, product: ProductId): void };
  acceptance: (
    known: KnownStart | null,
    arriving: { start: string; counter: number; earlierStarts: readonly string[]; contentDigest: string },
  ) => Acceptance;
  clock: Clock;
}

/**
 * Takes one heartbeat: outcomes and ledgers are committed before it returns, so that the answer may rely on them.
 *
 * @throws {AppError} `link.counter_replayed` when a counter comes again with other content.
 */
export function createRecordHeartbeat(deps: RecordHeartbeatDeps) {
  return async function recordHeartbeat(
    scope: CustomerScope,
    from: { product: ProductId; address: string },
    heartbeat: Heartbeat,
  ): Promise<Acceptance> {
    const contentDigest = digestOf(heartbeat);
    const clockOffsetMs = heartbeat.localTime.getTime() - deps.clock.now().getTime();
    const arriving = { product: from.product, heartbeat, contentDigest, address: from.address, clockOffsetMs };
    const acceptance = await deps.store.record(scope, arriving, (known) =>
      deps.acceptance(known, { ...heartbeat, contentDigest }),
    );
    if (acceptance.kind === "replayed") {
      throw new AppError("link.counter_replayed", { product: from.product, counter: heartbeat.counter });
    }
    // A retry is an arrival too: the product is up.
    deps.lastSeen.note(scope, from.product);
    return acceptance;
  };
}

/** The content that makes a counter's reuse a retry; the sender's clock may differ between two tries. */
function digestOf(heartbeat: Heartbeat): string {
  const { localTime: _, ...content } = heartbeat;
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
