import { randomUUID } from "node:crypto";
import type { HeartbeatRequest } from "@tms/contracts/link";
import { type CustomerId, type Epoch, newId, type ProductId, systemTimers } from "@tms/records";
import { makeEd25519, positionText, signBytes } from "@tms/signing";
import { expect, test } from "vitest";
import type { Peer } from "./peer.ts";
import { createTakeHeartbeat } from "./take-heartbeat.ts";

const KEYS = makeEd25519();
const PEER: Peer = {
  customer: newId<CustomerId>(),
  product: newId<ProductId>(),
  endpoint: null,
  kind: "mitigator",
  signingKeySpki: KEYS.publicSpki,
  customerExpired: false,
};
const POSITION = { stream: "threat-events" as const, epoch: newId<Epoch>(), sealedTo: 7, head: null };

function requestWith(change: { sealedTo?: number; signature?: string }): HeartbeatRequest {
  const text = positionText({ product: PEER.product, ...POSITION });
  const signature = signBytes(KEYS.privatePkcs8Pem, Buffer.from(text, "utf8")).toString("base64");
  return {
    v: "link/1",
    start: randomUUID(),
    earlierStarts: [],
    counter: 1,
    version: "1.0.0",
    host: "host",
    instanceId: randomUUID(),
    localTime: "2026-11-24T09:00:00.000Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [{ ...POSITION, spooledBytes: 0, oldestAt: null, signature, ...change }],
    outcomes: [],
    waitSeconds: 0,
  };
}

/** Has verified one heartbeat already. */
async function makeTaking() {
  const accepted: HeartbeatRequest[] = [];
  const take = createTakeHeartbeat({
    trust: null,
    heartbeats: {
      accept: async (_peer, request) => {
        accepted.push(request);
        return { standing: "taken" as const, challenge: null, at: new Date() };
      },
      answer: async () => ({ serverTime: "2026-11-24T09:00:00.000Z", nextSeconds: 1, directives: [], positions: [] }),
      waitForNews: async () => undefined,
    },
    timers: systemTimers,
  });
  const from = (peer: Peer) => ({ peer: async () => peer, address: "127.0.0.1", signal: AbortSignal.timeout(10_000) });
  await take(requestWith({}), from(PEER));
  return { take, from, accepted };
}

test("takes an unchanged position again by its unchanged signature", async () => {
  const { take, from, accepted } = await makeTaking();

  await take(requestWith({}), from(PEER));

  expect(accepted).toHaveLength(2);
});

test.each([
  ["the signature of another position", { sealedTo: 8 }],
  ["another signature of the same position", { signature: Buffer.alloc(64, 1).toString("base64") }],
])("what was verified once vouches for nothing else: %s", async (_, change) => {
  const { take, from, accepted } = await makeTaking();

  await expect(take(requestWith(change), from(PEER))).rejects.toMatchObject({ code: "link.signature_invalid" });
  expect(accepted).toHaveLength(1);
});

test("what one key signed does not count once the product has another", async () => {
  const { take, from, accepted } = await makeTaking();
  const renewed = { ...PEER, signingKeySpki: makeEd25519().publicSpki };

  await expect(take(requestWith({}), from(renewed))).rejects.toMatchObject({ code: "link.signature_invalid" });
  expect(accepted).toHaveLength(1);
});

test.each([
  [12_500, 12_500],
  [60_000, 50_000],
  [undefined, 50_000],
])("a heartbeat that may be held for %s ms is held for %i ms at most", async (most, held) => {
  const waits: number[] = [];
  const take = createTakeHeartbeat({
    trust: null,
    heartbeats: {
      accept: async () => ({ standing: "taken" as const, challenge: null, at: new Date() }),
      answer: async () => ({ serverTime: "2026-11-24T09:00:00.000Z", nextSeconds: 1, directives: [], positions: [] }),
      waitForNews: () => new Promise(() => undefined),
      ...(most === undefined ? {} : { mostWaitMs: async () => most }),
    },
    timers: {
      monotonicMs: () => 0,
      after(ms, call) {
        waits.push(ms);
        call();
        return () => undefined;
      },
    },
  });

  const peer = async () => PEER;
  await take(
    { ...requestWith({}), waitSeconds: 50 },
    { peer, address: "127.0.0.1", signal: new AbortController().signal },
  );

  expect(waits).toEqual([held]);
});

test("keys that roll over are told at once, and to who does not take them once more only at the end of each poll", async () => {
  const polls: number[] = [];
  const announced = {
    announcement: { authorities: [], sshHostKeys: ["next"] },
    confirmed: { caPins: [], sshHostKeys: ["next"] },
  };
  const take = createTakeHeartbeat({
    trust: () => announced,
    heartbeats: {
      accept: async () => ({ standing: "taken" as const, challenge: null, at: new Date() }),
      answer: async () => ({ serverTime: "2026-11-24T09:00:00.000Z", nextSeconds: 1, directives: [], positions: [] }),
      waitForNews: async () => void polls.push(1),
    },
    timers: systemTimers,
  });
  const call = { peer: async () => PEER, address: "127.0.0.1", signal: AbortSignal.timeout(10_000) };
  const ask = async (sshHostKeys: string[]) => {
    const { trust } = await take({ ...requestWith({}), waitSeconds: 50, trust: { caPins: [], sshHostKeys } }, call);
    return [trust !== undefined, polls.length];
  };

  const seen = [await ask(["old"]), await ask(["old"]), await ask(["next"])];

  expect(seen).toEqual([
    [true, 0],
    [true, 1],
    [false, 2],
  ]);
});
