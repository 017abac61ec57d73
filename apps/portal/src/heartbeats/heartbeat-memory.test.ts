import type { ArrivingStart, KnownStart } from "@tms/link/upper";
import { newId, type ProductId } from "@tms/records";
import { expect, test } from "vitest";
import { acceptanceOf } from "./heartbeat.ts";
import { HeartbeatMemory } from "./heartbeat-memory.ts";

const START = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";
const MINUTE = 60_000;

function arriving(change: Partial<ArrivingStart> = {}): ArrivingStart {
  return {
    start: START,
    earlierStarts: [],
    counter: 2,
    contentDigest: "same",
    challenge: null,
    instanceId: "instance",
    host: "host",
    address: "127.0.0.1",
    version: "1.0.0",
    ...change,
  };
}

/** A memory that has learned the first heartbeat from the store. */
function arrange() {
  const memory = new HeartbeatMemory();
  const product = newId<ProductId>();
  const judgeAt = (nowMs: number) => (known: KnownStart | null, start: ArrivingStart) =>
    acceptanceOf(known, start, { nowMs, newChallenge: "challenge" });
  const learn = (stored: KnownStart | null, start: ArrivingStart, mark = memory.mark()) => {
    const judgement = judgeAt(0)(stored, start);
    memory.learn(product, judgement, { mark, nowMs: 0 });
    return judgement.after;
  };
  const stored = learn(null, arriving({ counter: 1 }));
  const judge = (change: Partial<ArrivingStart> = {}, nowMs = MINUTE) =>
    memory.judge(product, arriving(change), { nowMs, judge: judgeAt(nowMs) })?.kind ?? "the store's";
  return { memory, product, learn, stored, judge };
}

test("the next heartbeat that says the same is judged here, and the one after it too", () => {
  const { judge } = arrange();

  expect([judge({ counter: 2 }), judge({ counter: 3 })]).toEqual(["next", "next"]);
});

test.each([
  ["says something else", { contentDigest: "other" }],
  ["comes again", { counter: 1 }],
  ["leaves a number out, because another node may have heard it", { counter: 3 }],
  ["is of another start", { start: OTHER, earlierStarts: [START] }],
])("one that %s is the store's", (_, change) => {
  const { judge } = arrange();

  expect(judge(change)).toBe("the store's");
});

test("after ten minutes the store is asked again", () => {
  const { judge } = arrange();

  expect(judge({}, 10 * MINUTE)).toBe("the store's");
});

test("a product of which another node heard another start is forgotten, also if the news comes before our own answer", () => {
  const { memory, product, learn, stored, judge } = arrange();
  const mark = memory.mark();
  memory.forget(product);
  const forgotten = judge();

  learn(stored, arriving(), mark);

  expect([forgotten, judge({ counter: 3 })]).toEqual(["the store's", "the store's"]);
});

test("while a rival waits nothing is judged here, so that the start in force can prove that it is alive", () => {
  const { learn, stored, judge } = arrange();
  const inForce = { start: OTHER, earlierStarts: [START] };
  const followed = learn(stored, arriving({ ...inForce, counter: 1 }));
  const alone = judge({ ...inForce, counter: 2 });
  const restored = { start: "33333333-3333-4333-8333-333333333333", earlierStarts: [START] };

  const met = learn(followed, arriving({ ...restored, counter: 1 }));
  learn(met, arriving({ ...inForce, counter: 3 }));

  expect(alone).toBe("next");
  expect(judge({ ...inForce, counter: 4 })).toBe("the store's");
});

test("what was judged here counts where the store is a second behind: a counter that comes again is refused", () => {
  const { memory, product, stored, judge } = arrange();
  judge({ counter: 2 });
  judge({ counter: 3 });

  const known = memory.newerOf(product, stored);
  const again = acceptanceOf(known, arriving({ counter: 2, contentDigest: "other" }), {
    nowMs: MINUTE,
    newChallenge: "challenge",
  });

  expect(known?.counter).toBe(3);
  expect(again.kind).toBe("replayed");
});

test("of another start than the store's nothing here counts", () => {
  const { memory, product, stored } = arrange();
  const other = { ...stored, start: OTHER, counter: 0 };

  expect(memory.newerOf(product, other)).toBe(other);
});
