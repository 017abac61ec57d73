import { createHash } from "node:crypto";
import type { BatchHeader } from "@tms/contracts/link";
import { type Epoch, newId, type Sha256 } from "@tms/records";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BatchQuestion, decideBatch, mayBeKnown, positionAfter, type StreamPosition } from "./decide-batch.ts";

const EPOCH = newId<Epoch>();
const OTHER = newId<Epoch>();
const digestOf = (text: string) => createHash("sha256").update(text).digest("hex") as Sha256;
const HEAD = digestOf("head");
const OWN = digestOf("own");
const POSITION: StreamPosition = { epoch: EPOCH, next: 10, head: HEAD };

function header(change: Partial<Extract<BatchHeader, { plainBytes: number }>> = {}): BatchHeader {
  const base = { v: 1, stream: "threat-events", epoch: EPOCH, first: 10, count: 5, plainBytes: 100, previous: HEAD };
  return { ...base, ...change } as BatchHeader;
}

function ask(change: Partial<BatchQuestion> = {}): BatchQuestion {
  return {
    stated: OWN,
    digest: OWN,
    header: header(),
    problem: null,
    position: POSITION,
    epochAnnounced: true,
    digestKnown: false,
    ...change,
  };
}

describe("decides in the order of the protocol", () => {
  test.each<[string, BatchQuestion, string]>([
    ["continues what was received", ask(), "accepted"],
    ["no digest was stated", ask({ stated: null }), "damaged"],
    ["the bytes have another digest", ask({ stated: HEAD }), "damaged"],
    ["damaged comes before rejected", ask({ stated: HEAD, problem: "batch.too_large" }), "damaged"],
    ["over a limit", ask({ problem: "batch.too_large" }), "rejected"],
    ["no header", ask({ header: null }), "rejected"],
    ["rejected comes before duplicate", ask({ problem: "batch.rejected", digestKnown: true }), "rejected"],
    ["sent again", ask({ header: header({ first: 5, count: 5 }), digestKnown: true }), "duplicate"],
    ["the same numbers with other bytes", ask({ header: header({ first: 5, count: 5 }) }), "fork"],
    ["numbers before it are missing", ask({ header: header({ first: 11 }) }), "gap"],
    ["overlaps what was received", ask({ header: header({ first: 9 }) }), "fork"],
    ["continues another head", ask({ header: header({ previous: OWN }) }), "fork"],
    ["begins again in the same epoch", ask({ header: header({ previous: null }) }), "fork"],
    ["opens an announced epoch", ask({ header: header({ epoch: OTHER, first: 0, previous: null }) }), "accepted"],
    [
      "opens an epoch nobody announced",
      ask({ header: header({ epoch: OTHER, first: 0, previous: null }), epochAnnounced: false }),
      "epoch-unknown",
    ],
    ["a new epoch that does not begin at 0", ask({ header: header({ epoch: OTHER, first: 3 }) }), "gap"],
    ["a new epoch with a predecessor", ask({ header: header({ epoch: OTHER, first: 0 }) }), "fork"],
    [
      "an old epoch's batch sent again",
      ask({ header: header({ epoch: OTHER }), epochAnnounced: false, digestKnown: true }),
      "duplicate",
    ],
    ["the very first batch", ask({ position: null, header: header({ first: 0, previous: null }) }), "accepted"],
  ])("%s", (_name, question, outcome) => {
    const decision = decideBatch(question);

    expect(decision.outcome).toBe(outcome);
    expect("code" in decision).toBe(outcome !== "accepted" && outcome !== "duplicate");
  });
});

test("a gap batch moves head to the batch it replaces, or to itself", () => {
  const gap = { cause: "rejected", from: "2026-11-24T09:00:00Z", to: "2026-11-24T09:00:00Z" } as const;
  const base = { v: 1, stream: "threat-events", epoch: EPOCH, first: 10, count: 5, previous: HEAD } as const;

  const resumed = positionAfter({ ...base, plainBytes: 0, gap: { ...gap, resumes: HEAD } }, OWN);
  const alone = positionAfter({ ...base, plainBytes: 0, gap: { ...gap, resumes: null } }, OWN);

  expect(resumed).toEqual({ epoch: EPOCH, next: 15, head: HEAD });
  expect(alone).toEqual({ epoch: EPOCH, next: 15, head: OWN });
});

test("whatever arrives in whatever order, accepted batches are a chain without gap or overlap", () => {
  const batch = fc.record({
    first: fc.integer({ min: 0, max: 12 }),
    count: fc.integer({ min: 1, max: 4 }),
    previous: fc.option(fc.integer({ min: 0, max: 12 }), { nil: null }),
    epoch: fc.constantFrom(EPOCH, OTHER),
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 40 }), (batches) => {
      let position: StreamPosition | null = null;
      const closed = new Set<Epoch>();
      const known = new Map<Sha256, BatchHeader>();
      for (const one of batches) {
        const previous: Sha256 | null = one.previous === null ? null : ([...known.keys()][one.previous] ?? null);
        const sent = header({ ...one, previous });
        const digest = digestOf(JSON.stringify(sent));
        const decision = decideBatch({
          stated: digest,
          digest,
          header: sent,
          problem: null,
          position,
          epochAnnounced: !closed.has(one.epoch),
          digestKnown: mayBeKnown(sent, position) && known.has(digest),
        });
        if (decision.outcome === "duplicate") expect(known.has(digest)).toBe(true);
        if (decision.outcome !== "accepted") continue;
        const before: StreamPosition =
          decision.opensEpoch || position === null ? { epoch: one.epoch, next: 0, head: null } : position;
        expect([sent.first, sent.previous]).toEqual([before.next, before.head]);
        expect(closed.has(one.epoch)).toBe(false);
        if (decision.opensEpoch && position !== null) closed.add((position as StreamPosition).epoch);
        position = decision.position;
        known.set(digest, sent);
      }
    }),
    { numRuns: 300 },
  );
});
