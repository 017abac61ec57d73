import { createHash } from "node:crypto";
import { type CustomerScope, type DirectiveId, type Epoch, newId, type ProductId } from "@tms/records";
import { expect, test } from "vitest";
import { acceptanceOf, type Heartbeat } from "./heartbeat.ts";
import type { HeartbeatStore } from "./heartbeat-store.ts";

export interface HeartbeatStoreUnderTest {
  store: HeartbeatStore;
  /** A registered product of a fresh customer. */
  newProduct(): Promise<{ scope: CustomerScope; product: ProductId }>;
}

const PROVIDER = { provider: true } as const;

function heartbeatOf(change: Partial<Heartbeat> = {}): Heartbeat {
  return {
    start: "11111111-1111-4111-8111-111111111111",
    earlierStarts: [],
    counter: 1,
    challenge: null,
    version: "1.0.0",
    host: "host-1",
    instanceId: "22222222-2222-4222-8222-222222222222",
    localTime: new Date("2026-11-24T09:00:00Z"),
    ready: { ok: true, reasons: [] },
    sending: "on",
    agents: 2,
    ledgers: [],
    schedule: null,
    trust: null,
    outcomes: [],
    ...change,
  };
}

function ledgerOf(epoch: Epoch, sealedTo: number): Heartbeat["ledgers"][number] {
  return {
    stream: "threat-events",
    epoch,
    sealedTo,
    head: null,
    spooledBytes: 10,
    oldestAt: null,
    signature: `signed ${sealedTo}`,
  };
}

/** What every store of heartbeats does; run against the real one. */
export function heartbeatStoreContract(make: () => Promise<HeartbeatStoreUnderTest>): void {
  async function arrange() {
    const under = await make();
    const own = await under.newProduct();
    const record = (heartbeat: Heartbeat, of: typeof own & { signingKey?: Buffer } = own) => {
      const contentDigest = createHash("sha256").update(JSON.stringify(heartbeat)).digest("hex");
      const { product, signingKey = Buffer.from("key") } = of;
      const arriving = { product, heartbeat, contentDigest, address: "127.0.0.1", signingKey, clockOffsetMs: 0 };
      const time = { nowMs: 0, newChallenge: "challenge" };
      return under.store.record(of.scope, arriving, (known) =>
        acceptanceOf(known, { ...heartbeat, contentDigest, address: "127.0.0.1" }, time),
      );
    };
    return { ...under, ...own, record };
  }

  test("a retry and a replay write nothing", async () => {
    const { record, store, scope, product } = await arrange();
    await record(heartbeatOf({ counter: 5, host: "first" }));

    const retry = await record(heartbeatOf({ counter: 5, host: "first" }));
    const replayed = await record(heartbeatOf({ counter: 5, host: "second" }));

    expect([retry.kind, replayed.kind]).toEqual(["retry", "replayed"]);
    expect((await store.facts(scope, product))?.host).toBe("first");
  });

  test("a late copy of a heartbeat changes nothing after a restart: no outcome, no ledger, no state", async () => {
    const { record, store, scope, product } = await arrange();
    const id = newId<DirectiveId>();
    const expiresAt = new Date(Date.now() + 60_000);
    const [before, after] = [newId<Epoch>(), newId<Epoch>()];
    const old = heartbeatOf({ host: "before", ledgers: [ledgerOf(before, 3)], outcomes: [{ id, ok: true }] });
    const start = "33333333-3333-4333-8333-333333333333";
    await record(old);
    const restart = { start, earlierStarts: [old.start], host: "after", ledgers: [ledgerOf(after, 1)] };
    await record(heartbeatOf(restart));
    await store.add(scope, product, [{ id, kind: "send-now", payload: {}, expiresAt }]);

    const copy = await record(old);
    const next = await record(heartbeatOf({ ...restart, counter: 2 }));

    expect([copy.kind, next.kind]).toEqual(["retry", "next"]);
    expect(await store.waitingDirectives(scope, product)).toHaveLength(1);
    expect((await store.facts(scope, product))?.host).toBe("after");
    expect(await store.latestEpoch(scope, { product, stream: "threat-events" })).toBe(after);
  });

  test("of a start that is not in force only the word that it spoke is kept: no outcome, no ledger, no state", async () => {
    const { record, store, scope, product } = await arrange();
    const id = newId<DirectiveId>();
    const expiresAt = new Date(Date.now() + 60_000);
    const [old, current, behind] = ["1", "2", "3"].map((digit) => `${digit.repeat(8)}-1111-4111-8111-111111111111`);
    const [inForce, other] = [newId<Epoch>(), newId<Epoch>()];
    if (old === undefined || current === undefined || behind === undefined) throw new Error("three starts");
    await record(heartbeatOf({ start: old }));
    await record(heartbeatOf({ start: current, earlierStarts: [old], host: "here", ledgers: [ledgerOf(inForce, 3)] }));
    await store.add(scope, product, [{ id, kind: "send-now", payload: {}, expiresAt }]);
    const restored = { start: behind, earlierStarts: [old], host: "there", ledgers: [ledgerOf(other, 9)] };

    const diverged = await record(heartbeatOf({ ...restored, outcomes: [{ id, ok: true }] }));
    const facts = await store.facts(scope, product);

    expect([diverged.kind, diverged.challenge]).toEqual(["diverged", "challenge"]);
    expect(facts).toMatchObject({
      host: "here",
      watch: { face: { host: "here" }, rival: { face: { host: "there" } } },
    });
    expect(await store.waitingDirectives(scope, product)).toHaveLength(1);
    expect(await store.latestEpoch(scope, { product, stream: "threat-events" })).toBe(inForce);
    expect((await record(heartbeatOf({ start: current, counter: 2 }))).kind).toBe("next");
  });

  test("a position is kept with the key that signed it, also when the product has another one by now", async () => {
    const { record, store, scope, product } = await arrange();
    const epoch = newId<Epoch>();
    const [own, later] = [
      { scope, product },
      { scope, product, signingKey: Buffer.from("another key") },
    ];
    await record(heartbeatOf({ counter: 1, ledgers: [ledgerOf(epoch, 10)] }), own);

    await record(heartbeatOf({ counter: 2, ledgers: [ledgerOf(epoch, 4)] }), later);
    const [behind] = await store.ledgers(scope, product);
    await record(heartbeatOf({ counter: 3, ledgers: [ledgerOf(epoch, 12)] }), later);
    const [ahead] = await store.ledgers(scope, product);

    expect([behind?.sealedTo, behind?.signingKey.toString()]).toEqual([10, "key"]);
    expect([ahead?.sealedTo, ahead?.signingKey.toString()]).toEqual([12, "another key"]);
  });

  test("a ledger only grows within its epoch, and a new epoch stands beside the old one", async () => {
    const { record, store, scope, product } = await arrange();
    const [first, second] = [newId<Epoch>(), newId<Epoch>()];
    await record(heartbeatOf({ counter: 1, ledgers: [ledgerOf(first, 10)] }));
    await record(heartbeatOf({ counter: 2, ledgers: [ledgerOf(first, 4)] }));
    await record(heartbeatOf({ counter: 3, ledgers: [ledgerOf(second, 2)] }));

    const ledgers = await store.ledgers(scope, product);

    expect(ledgers.map((one) => [one.epoch, one.sealedTo, one.signature])).toEqual([
      [first, 10, "signed 10"],
      [second, 2, "signed 2"],
    ]);
    expect(await store.latestEpoch(scope, { product, stream: "threat-events" })).toBe(second);
    expect((await store.sentByProduct(PROVIDER)).get(product)?.sent).toBe(12);
  });

  test("the schedule is kept as it was said last, and forgotten when it is no longer said", async () => {
    const { record, store, scope, product } = await arrange();
    const at = (minute: number) => new Date(Date.UTC(2026, 10, 24, 9, minute));
    const lastRun = { startedAt: at(0), endedAt: at(1), ok: false, code: "portal.unreachable" };
    const schedule = { everyMinutes: 15, nextAt: at(15), lastRun };

    await record(heartbeatOf({ counter: 1, schedule }));
    const kept = (await store.facts(scope, product))?.schedule;
    await record(heartbeatOf({ counter: 2, schedule: { everyMinutes: 0, nextAt: null, lastRun: null } }));
    const atOnce = (await store.facts(scope, product))?.schedule;
    await record(heartbeatOf({ counter: 3 }));

    expect(kept).toEqual(schedule);
    expect(atOnce).toEqual({ everyMinutes: 0, nextAt: null, lastRun: null });
    expect((await store.facts(scope, product))?.schedule).toBeNull();
  });

  test("a directive waits until its outcome is committed, and only for its own product", async () => {
    const { record, store, scope, product, ...under } = await arrange();
    const neighbour = await under.newProduct();
    const id = newId<DirectiveId>();
    const expiresAt = new Date(Date.now() + 60_000);
    await store.add(scope, product, [{ id, kind: "send-now", payload: { why: "a test" }, expiresAt }]);

    const waiting = await store.waitingDirectives(scope, product);
    const elsewhere = await store.waitingDirectives(neighbour.scope, neighbour.product);
    await record(heartbeatOf({ outcomes: [{ id, ok: true }] }));

    expect(waiting).toEqual([{ id, kind: "send-now", payload: { why: "a test" }, expiresAt }]);
    expect(elsewhere).toEqual([]);
    expect(await store.waitingDirectives(scope, product)).toEqual([]);
  });

  test("an expired directive is not offered", async () => {
    const { store, scope, product } = await arrange();
    const expiresAt = new Date(Date.now() - 1000);
    await store.add(scope, product, [{ id: newId<DirectiveId>(), kind: "send-now", payload: {}, expiresAt }]);

    expect(await store.waitingDirectives(scope, product)).toEqual([]);
  });

  test("a customer never sees another customer's heartbeat, and sees its own", async () => {
    const { record, store, scope, product, ...under } = await arrange();
    const neighbour = await under.newProduct();
    await record(heartbeatOf({ ledgers: [ledgerOf(newId<Epoch>(), 1)] }));

    expect(await store.facts(neighbour.scope, product)).toBeNull();
    expect(await store.ledgers(neighbour.scope, product)).toEqual([]);
    expect(await store.facts(scope, product)).not.toBeNull();
    expect(await store.ledgers(scope, product)).toHaveLength(1);
  });

  test("a customer cannot write about another customer's product", async () => {
    const { record, product, ...under } = await arrange();
    const neighbour = await under.newProduct();

    const stolen = record(heartbeatOf(), { scope: neighbour.scope, product });

    await expect(stolen).rejects.toThrow(/foreign key/);
  });

  test("a counter that came without the store is kept with the time of arrival: a replay of it is refused, also by another node", async () => {
    const { record, store, scope, product } = await arrange();
    const beat = (counter: number, start = heartbeatOf().start) => {
      const seen = { customer: scope.customer, product, agoMs: 0, lateAfterMs: 120_000 };
      return store.writeSeen(PROVIDER, [
        { ...seen, beat: { start, counter, contentDigest: "same", clockOffsetMs: 250 } },
      ]);
    };
    await record(heartbeatOf({ counter: 1 }));
    await beat(7);
    await beat(5);
    await store.writeSeen(PROVIDER, [
      { customer: scope.customer, product, agoMs: 0, lateAfterMs: 120_000, beat: null },
    ]);

    const replayed = await record(heartbeatOf({ counter: 7, host: "another" }));
    const facts = await store.facts(scope, product);
    const next = await record(heartbeatOf({ counter: 8 }));

    expect([replayed.kind, next.kind]).toEqual(["replayed", "next"]);
    expect(facts?.clockOffsetMs).toBe(250);
  });

  test("a counter of a start that is no longer in force says nothing of the one that is", async () => {
    const { record, store, scope, product } = await arrange();
    const start = "33333333-3333-4333-8333-333333333333";
    await record(heartbeatOf({ counter: 1 }));
    await record(heartbeatOf({ start, earlierStarts: [heartbeatOf().start], counter: 1 }));
    const beat = { start: heartbeatOf().start, counter: 90, contentDigest: "same", clockOffsetMs: 250 };
    await store.writeSeen(PROVIDER, [{ customer: scope.customer, product, agoMs: 0, lateAfterMs: 120_000, beat }]);

    const next = await record(heartbeatOf({ start, earlierStarts: [heartbeatOf().start], counter: 2 }));

    expect(next.kind).toBe("next");
  });

  test("a stream that is named twice in one heartbeat is written once", async () => {
    const { record, store, scope, product } = await arrange();
    const epoch = newId<Epoch>();

    await record(heartbeatOf({ ledgers: [ledgerOf(epoch, 3), ledgerOf(epoch, 5)] }));

    expect((await store.ledgers(scope, product)).map((one) => one.sealedTo)).toEqual([5]);
  });

  test("many ask at once for directives, and each gets its own", async () => {
    const { store, ...own } = await arrange();
    const products = [own, await own.newProduct(), await own.newProduct()];
    const ids = await Promise.all(
      products.slice(0, 2).map(async ({ scope, product }) => {
        const id = newId<DirectiveId>();
        const expiresAt = new Date(Date.now() + 60_000);
        await store.add(scope, product, [{ id, kind: "send-now", payload: {}, expiresAt }]);
        return id;
      }),
    );

    const found = await Promise.all(products.map(({ scope, product }) => store.waitingDirectives(scope, product)));
    const [first, second] = products;
    const crossed = await store.waitingDirectives(first?.scope ?? own.scope, second?.product ?? own.product);

    expect(found.map((directives) => directives.map(({ id }) => id))).toEqual([[ids[0]], [ids[1]], []]);
    expect(crossed).toEqual([]);
  });

  test("last seen is written for all at once and never goes back", async () => {
    const { record, store, scope, product, ...under } = await arrange();
    const neighbour = await under.newProduct();
    await record(heartbeatOf());
    await store.writeSeen(PROVIDER, [
      { customer: scope.customer, product, agoMs: 0, lateAfterMs: 120_000, beat: null },
      { customer: neighbour.scope.customer, product: neighbour.product, agoMs: 5000, lateAfterMs: 120_000, beat: null },
    ]);
    const before = (await store.facts(scope, product))?.lastSeenAt;

    await store.writeSeen(PROVIDER, [
      { customer: scope.customer, product, agoMs: 60_000, lateAfterMs: 120_000, beat: null },
    ]);

    expect(before).toBeInstanceOf(Date);
    expect((await store.facts(scope, product))?.lastSeenAt).toEqual(before);
  });

  test("two heartbeats of one product at once are judged one after the other", async () => {
    const { record } = await arrange();

    const both = await Promise.all([record(heartbeatOf({ host: "a" })), record(heartbeatOf({ host: "b" }))]);

    expect(both.map((one) => one.kind).sort()).toEqual(["first", "replayed"]);
  });
}
