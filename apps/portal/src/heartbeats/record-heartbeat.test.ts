import type { HeartbeatRequest } from "@tms/contracts/link";
import type { KnownStart, Peer } from "@tms/link/upper";
import { AppError, type CustomerId, type DirectiveId, newId, type ProductId } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { expect, test } from "vitest";
import { acceptanceOf } from "./heartbeat.ts";
import { HeartbeatMemory } from "./heartbeat-memory.ts";
import { heartbeatHandlers } from "./heartbeat-routes.ts";
import type { DirectiveOutcome } from "./ledger.ts";
import { createRecordHeartbeat, type RecordHeartbeatStore } from "./record-heartbeat.ts";
import { createNewsWaiters } from "./wait-for-news.ts";

// From the wire to the decision, over a store that keeps the one thing that matters here: what was committed.

const PEER: Peer = {
  customer: newId<CustomerId>(),
  product: newId<ProductId>(),
  endpoint: null,
  kind: "mitigator",
  signingKeySpki: Buffer.alloc(0),
  customerExpired: false,
};
const FROM = { address: "127.0.0.1" };

function request(change: Partial<HeartbeatRequest> = {}): HeartbeatRequest {
  return {
    v: "link/1",
    start: "11111111-1111-4111-8111-111111111111",
    earlierStarts: [],
    counter: 1,
    version: "1.0.0",
    host: "host-1",
    instanceId: "22222222-2222-4222-8222-222222222222",
    localTime: "2026-11-24T09:00:00.000Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [],
    outcomes: [],
    waitSeconds: 0,
    ...change,
  };
}

function arrange() {
  const clock = new TestClock();
  const committed: DirectiveOutcome[] = [];
  const seen: ProductId[] = [];
  const last: { known: KnownStart | null } = { known: null };
  const store: RecordHeartbeatStore = {
    record: async (_, { heartbeat }, decide) => {
      const acceptance = decide(last.known);
      if (acceptance.kind === "retry" || acceptance.kind === "replayed") return acceptance;
      last.known = acceptance.after;
      committed.push(...heartbeat.outcomes);
      return acceptance;
    },
  };
  const lastSeen = { note: (_: unknown, product: ProductId) => void seen.push(product) };
  const handlers = heartbeatHandlers({
    recordHeartbeat: createRecordHeartbeat({
      store,
      lastSeen,
      memory: new HeartbeatMemory(),
      acceptance: acceptanceOf,
      onClone: async () => undefined,
      clock,
    }),
    waitingDirectives: async () => [],
    positions: async () => [],
    waiters: createNewsWaiters(),
    clock,
  });
  return { accept: (body: HeartbeatRequest) => handlers.accept(PEER, body, FROM), committed, seen };
}

test("a heartbeat sent again is answered and commits nothing, though its clock and its patience have moved", async () => {
  const { accept, committed, seen } = arrange();
  const outcome = { id: newId<DirectiveId>(), ok: true };
  await accept(request({ outcomes: [outcome] }));

  await accept(request({ outcomes: [outcome], localTime: "2026-11-24T09:00:11.000Z", waitSeconds: 50 }));

  expect(committed).toEqual([outcome]);
  expect(seen).toHaveLength(2);
});

test("a used counter with other content is refused, commits nothing and is no sign of life", async () => {
  const { accept, committed, seen } = arrange();
  await accept(request());

  const refused = accept(request({ outcomes: [{ id: newId<DirectiveId>(), ok: false }] }));

  await expect(refused).rejects.toSatisfy(
    (error) => error instanceof AppError && error.code === "link.counter_replayed",
  );
  expect(committed).toEqual([]);
  expect(seen).toHaveLength(1);
});
