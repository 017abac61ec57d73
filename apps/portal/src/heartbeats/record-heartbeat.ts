import { createHash, randomUUID } from "node:crypto";
import type { ArrivingStart, Judgement, KnownStart } from "@tms/link/upper";
import { AppError, type Clock, type CustomerScope, type ProductId } from "@tms/records";
import { DEFAULT_SILENCE_RULES, type Heartbeat, type SilenceRules } from "./heartbeat.ts";
import type { HeartbeatMemory } from "./heartbeat-memory.ts";
import type { Told } from "./last-seen-writer.ts";

export interface HeartbeatToStore {
  product: ProductId;
  heartbeat: Heartbeat;
  contentDigest: string;
  address: string;
  /** SPKI, DER; the positions are verified by it. */
  signingKey: Buffer;
  clockOffsetMs: number;
}

export interface RecordHeartbeatStore {
  /**
   * Locks the product's row, lets `decide` judge, and commits state, ledgers and outcomes in the same transaction.
   * Nothing is written for a retry or a replay; of a start that is not in force only the watch is.
   */
  record(
    scope: CustomerScope,
    arriving: HeartbeatToStore,
    decide: (known: KnownStart | null) => Judgement,
  ): Promise<Judgement>;
}

export interface RecordHeartbeatDeps {
  store: RecordHeartbeatStore;
  lastSeen: { note(scope: CustomerScope, product: ProductId, told?: Told): void };
  memory: HeartbeatMemory;
  acceptance: (
    known: KnownStart | null,
    arriving: ArrivingStart,
    time: { nowMs: number; newChallenge: string; rules?: SilenceRules },
  ) => Judgement;
  /** The customer's interval and threshold; absent = the defaults. */
  rulesOf?(scope: CustomerScope): Promise<SilenceRules>;
  /** Two installations proved to hold the identity of this product. */
  onClone(scope: CustomerScope, product: ProductId): Promise<void>;
  /** A random text that nobody can guess. */
  newChallenge?: () => string;
  clock: Clock;
}

/**
 * Takes one heartbeat: outcomes, ledgers and whatever else it says anew are committed before it returns, so that the
 * answer may rely on them. One that says nothing new is judged from memory, and its counter is written within a second.
 *
 * @throws {AppError} `link.counter_replayed` when a counter comes again with other content.
 */
export function createRecordHeartbeat(deps: RecordHeartbeatDeps) {
  return async function recordHeartbeat(
    scope: CustomerScope,
    from: { product: ProductId; address: string; signingKey: Buffer },
    heartbeat: Heartbeat,
  ): Promise<Judgement> {
    const now = deps.clock.now();
    const contentDigest = digestOf(heartbeat, from.address);
    const clockOffsetMs = heartbeat.localTime.getTime() - now.getTime();
    const arriving = { ...from, heartbeat, contentDigest, clockOffsetMs };
    const rules = (await deps.rulesOf?.(scope)) ?? DEFAULT_SILENCE_RULES;
    const nowMs = now.getTime();
    const time = { nowMs, newChallenge: (deps.newChallenge ?? randomUUID)(), rules };
    const judge = (known: KnownStart | null, start: ArrivingStart) => deps.acceptance(known, start, time);
    const start = { ...heartbeat, contentDigest, address: from.address };
    if (heartbeat.outcomes.length === 0) {
      const judged = deps.memory.judge(from.product, start, { nowMs, judge });
      if (judged !== null) {
        const beat = { start: heartbeat.start, counter: heartbeat.counter, contentDigest, clockOffsetMs };
        deps.lastSeen.note(scope, from.product, { rules, beat });
        return judged;
      }
    }
    const mark = deps.memory.mark();
    const acceptance = await deps.store.record(scope, arriving, (known) =>
      judge(deps.memory.newerOf(from.product, known), start),
    );
    deps.memory.learn(from.product, acceptance, { mark, nowMs });
    if (acceptance.kind === "replayed") {
      throw new AppError("link.counter_replayed", { product: from.product, counter: heartbeat.counter });
    }
    // A retry is an arrival too: the product is up.
    deps.lastSeen.note(scope, from.product, { rules });
    if (acceptance.kind === "clone") await deps.onClone(scope, from.product);
    return acceptance;
  };
}

/**
 * The content that makes a counter's reuse a retry, and the next counter a repetition. The sender's clock may differ
 * between two tries, and a challenge is no news of the product.
 */
function digestOf(heartbeat: Heartbeat, address: string): string {
  const { localTime: _, counter: __, challenge: ___, ...content } = heartbeat;
  return createHash("sha256")
    .update(JSON.stringify({ ...content, address }))
    .digest("hex");
}
