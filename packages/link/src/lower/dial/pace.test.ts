import { describe, expect, test, vi } from "vitest";
import { Pace } from "./pace.ts";

// Time is the test's own: `performance.now` and the timers move only when it says so.
function atWork() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  return { [Symbol.dispose]: () => vi.useRealTimers() };
}

async function taken(pace: Pace, options: { bytes: number; times: number }) {
  const at: number[] = [];
  const from = performance.now();
  void (async () => {
    for (let time = 0; time < options.times; time += 1) {
      await pace.take(options.bytes);
      at.push(performance.now() - from);
    }
  })();
  await vi.advanceTimersByTimeAsync(60_000);
  return at;
}

describe("a pace", () => {
  test("passes what its bandwidth allows and not a second's worth more", async () => {
    using _time = atWork();
    const pace = new Pace(64_000);

    const at = await taken(pace, { bytes: 400, times: 400 });

    // 8 bytes a millisecond: 160,000 bytes take 20 s; any 10 s carry 80,000 and 5 % at most.
    const inTenSeconds = at.filter((ms) => ms >= 5_000 && ms < 15_000).length * 400;
    expect(inTenSeconds).toBeGreaterThan(76_000);
    expect(inTenSeconds).toBeLessThan(84_000);
    expect(at.at(-1)).toBeGreaterThan(19_000);
  });

  test("shares the line equally among those who wait", async () => {
    using _time = atWork();
    const pace = new Pace(64_000);
    const shares = [0, 0, 0];

    for (const who of shares.keys()) {
      void (async () => {
        for (;;) {
          await pace.take(400);
          shares[who] = (shares[who] ?? 0) + 1;
        }
      })();
    }
    await vi.advanceTimersByTimeAsync(10_000);

    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
  });

  test("a new bandwidth holds at once, also for who waits already", async () => {
    using _time = atWork();
    const pace = new Pace(8_000);
    pace.count(100_000);
    let served = false;
    void pace.take(1).then(() => {
      served = true;
    });
    await vi.advanceTimersByTimeAsync(1_000);
    const before = served;

    pace.set(8_000_000);
    await vi.advanceTimersByTimeAsync(200);

    expect([before, served]).toEqual([false, true]);
  });

  test("what is urgent goes at once and is paid for by the rest", async () => {
    using _time = atWork();
    const pace = new Pace(80_000);

    pace.count(10_000);
    const at = await taken(pace, { bytes: 100, times: 1 });

    expect(at[0]).toBeGreaterThan(850);
    expect(at[0]).toBeLessThan(1_100);
  });

  test("without a limit nothing waits", async () => {
    using _time = atWork();

    const at = await taken(new Pace(), { bytes: 1e9, times: 3 });

    expect(at).toEqual([0, 0, 0]);
  });

  test.each([0, -1, Number.NaN])("a bandwidth of %d is refused", (bandwidth) => {
    expect(() => new Pace(bandwidth)).toThrow(RangeError);
  });
});
