import { AppError, type Epoch, newId, type Stream, type Timers } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { nextRunAt, SendSchedule } from "./send-schedule.ts";
import type { SpoolReport } from "./spool/spool-port.ts";

const MINUTE_MS = 60_000;
const NOON = new Date("2026-11-24T12:00:00Z");

/** A schedule whose clock, timers and spool are the test's. */
function world(options: { everyMinutes: number; lastSentAt?: Date | null }) {
  const clock = new TestClock(NOON);
  const epoch = newId<Epoch>();
  const spooled = new Map<Stream, { acked: number; end: number }>([
    ["threat-events", { acked: 0, end: 0 }],
    ["root-cause", { acked: 0, end: 0 }],
  ]);
  let due: { call: () => void } | null = null;
  let opened = 0;
  const timers: Timers = {
    monotonicMs: () => clock.now().getTime(),
    after: (_ms, call) => {
      const mine = { call };
      due = mine;
      return () => {
        if (due === mine) due = null;
      };
    },
  };
  const report = (stream: Stream): SpoolReport => {
    const { acked, end } = spooled.get(stream) ?? { acked: 0, end: 0 };
    return {
      stream,
      epoch,
      sealedTo: acked,
      end,
      head: null,
      spooledRecords: end - acked,
      spooledBytes: 0,
      oldestAt: null,
      ackedAt: null,
    };
  };
  const schedule = new SendSchedule({
    everyMinutes: options.everyMinutes,
    spread: 0,
    reports: () => [...spooled.keys()].map(report),
    lastSentAt: () => options.lastSentAt ?? null,
    onOpen: () => {
      opened += 1;
    },
    clock,
    timers,
  });
  return {
    schedule,
    epoch,
    opened: () => opened,
    spool: (stream: Stream, end: number) => spooled.set(stream, { acked: spooled.get(stream)?.acked ?? 0, end }),
    /** Time goes on, and whatever timer is set is called. */
    pass: (ms: number) => {
      clock.advance(ms);
      due?.call();
    },
  };
}

describe("when the next run is", () => {
  test("it lies on multiples of the interval, after now", () => {
    expect(nextRunAt(NOON, { everyMinutes: 15, spread: 0 })).toEqual(new Date("2026-11-24T12:15:00Z"));
    expect(nextRunAt(new Date("2026-11-24T12:14:59Z"), { everyMinutes: 15, spread: 0 })).toEqual(
      new Date("2026-11-24T12:15:00Z"),
    );
    expect(nextRunAt(NOON, { everyMinutes: 1440, spread: 0 })).toEqual(new Date("2026-11-25T00:00:00Z"));
  });

  test("products are spread over a tenth of the interval and ten minutes at most", () => {
    expect(nextRunAt(NOON, { everyMinutes: 5, spread: 0.5 })).toEqual(new Date("2026-11-24T12:00:15Z"));
    expect(nextRunAt(NOON, { everyMinutes: 1440, spread: 0.999 }).getTime()).toBeLessThan(
      new Date("2026-11-25T00:10:00Z").getTime(),
    );
  });
});

describe("a schedule", () => {
  test("lets nothing go before its time, and everything that was spooled by then", () => {
    const { schedule, spool, pass, epoch } = world({ everyMinutes: 15, lastSentAt: NOON });
    schedule.start();
    spool("threat-events", 100);

    const before = schedule.isOpen("threat-events");
    pass(15 * MINUTE_MS);
    const during = schedule.isOpen("threat-events");
    schedule.sent("threat-events", { epoch, next: 60 });
    const halfway = schedule.isOpen("threat-events");
    schedule.sent("threat-events", { epoch, next: 120 });

    expect([before, during, halfway, schedule.isOpen("threat-events")]).toEqual([false, true, true, false]);
    expect(schedule.state()).toMatchObject({
      nextAt: new Date("2026-11-24T12:30:00Z"),
      lastRun: { ok: true, startedAt: new Date("2026-11-24T12:15:00Z"), endedAt: new Date("2026-11-24T12:15:00Z") },
    });
  });

  test("Send now begins a run in between and leaves the next one where it was", () => {
    const { schedule, spool, opened } = world({ everyMinutes: 60, lastSentAt: NOON });
    schedule.start();
    spool("root-cause", 5);

    schedule.openNow();

    expect(schedule.isOpen("root-cause")).toBe(true);
    expect(schedule.isOpen("threat-events")).toBe(false);
    expect(opened()).toBe(1);
    expect(schedule.state().nextAt).toEqual(new Date("2026-11-24T13:00:00Z"));
  });

  test("a run that fails stays under way and says why, until it succeeds", () => {
    const { schedule, spool, pass, epoch } = world({ everyMinutes: 5, lastSentAt: NOON });
    spool("threat-events", 10);
    schedule.start();
    pass(5 * MINUTE_MS);

    schedule.failed(new AppError("proxy.unreachable"));
    const held = schedule.state().lastRun;
    schedule.sent("threat-events", { epoch, next: 10 });

    expect(held).toMatchObject({ ok: false, code: "proxy.unreachable", endedAt: null });
    expect(schedule.state().lastRun).toMatchObject({ ok: true, code: null });
    expect(schedule.state().lastRun?.endedAt).not.toBeNull();
  });

  test("what was missed while nobody ran leaves at the start", () => {
    const missed = world({ everyMinutes: 15, lastSentAt: new Date(NOON.getTime() - 16 * MINUTE_MS) });
    const recent = world({ everyMinutes: 15, lastSentAt: new Date(NOON.getTime() - 3 * MINUTE_MS) });
    for (const { spool, schedule } of [missed, recent]) {
      spool("threat-events", 1);
      schedule.start();
    }

    expect(missed.schedule.isOpen("threat-events")).toBe(true);
    expect(recent.schedule.isOpen("threat-events")).toBe(false);
  });

  test("a clock that is set back a day does not silence it for a day", () => {
    const { schedule, spool, pass } = world({ everyMinutes: 15, lastSentAt: NOON });
    schedule.start();
    spool("threat-events", 1);

    pass(-24 * 60 * MINUTE_MS);
    pass(15 * MINUTE_MS);

    expect(schedule.isOpen("threat-events")).toBe(true);
  });

  test("immediately means always, and changing to it opens at once", () => {
    const { schedule, opened } = world({ everyMinutes: 240, lastSentAt: NOON });
    schedule.start();
    const before = schedule.isOpen("threat-events");

    schedule.set(0);

    expect([before, schedule.isOpen("threat-events")]).toEqual([false, true]);
    expect(opened()).toBe(1);
    expect(schedule.state().nextAt).toBeNull();
  });

  test("a new epoch in the middle of a run does not end it by its smaller numbers", () => {
    const { schedule, spool, pass } = world({ everyMinutes: 5, lastSentAt: NOON });
    spool("threat-events", 10);
    schedule.start();
    pass(5 * MINUTE_MS);

    schedule.sent("threat-events", { epoch: newId<Epoch>(), next: 50 });
    const open = schedule.isOpen("threat-events");
    schedule.drained("threat-events");

    expect([open, schedule.isOpen("threat-events")]).toEqual([true, false]);
  });
});
