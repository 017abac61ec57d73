import { Duplex } from "node:stream";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createLinkRequest } from "../link-request.ts";
import { Pace } from "./pace.ts";
import { PacedSocket } from "./paced-socket.ts";

// Several transfers to one server at once: they share its bandwidth. Bytes are counted; time is the test's own.

const BANDWIDTH = 64_000;
const SECONDS = 10;
/** What the bandwidth allows in that time, and the burst that may be caught up beside it. */
const ALLOWED_BYTES = (BANDWIDTH / 8) * SECONDS * 1.05;
const LEAST_BYTES = (BANDWIDTH / 8) * SECONDS * 0.95;

function atWork() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  return { [Symbol.dispose]: () => vi.useRealTimers() };
}

/** A line that takes everything at once and counts it. */
class CountingLine extends Duplex {
  bytes = 0;
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.bytes += chunk.length;
    done();
  }
}

describe("transfers to one server at once", () => {
  test("uploads share its bandwidth equally, whatever the size of what each writes", async () => {
    using _time = atWork();
    const paces = { up: new Pace(BANDWIDTH), down: new Pace() };
    const lines = [64, 16_384, 1_000_000].map((size) => {
      const line = new CountingLine();
      const socket = new PacedSocket(line, { paces, urgent: false });
      const chunk = Buffer.alloc(size);
      const feed = () => {
        while (!socket.destroyed && socket.write(chunk)) {}
      };
      socket.on("drain", feed);
      feed();
      onTestFinished(() => void socket.destroy());
      return line;
    });

    await vi.advanceTimersByTimeAsync(SECONDS * 1000);

    const [small = 0, ...large] = lines.map((line) => line.bytes);
    const total = small + large.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBeLessThan(ALLOWED_BYTES);
    expect(total).toBeGreaterThan(LEAST_BYTES);
    // In turns of one slice each: the two that always fill theirs differ by one slice at most.
    expect(Math.max(...large) - Math.min(...large)).toBeLessThanOrEqual(paces.up.sliceBytes());
    // Who writes little at a time gets the same number of turns; it is not starved.
    expect(small).toBeGreaterThan(0);
  });

  test("a heartbeat overtakes uploads and takes its bytes from them", async () => {
    using _time = atWork();
    const paces = { up: new Pace(BANDWIDTH), down: new Pace() };
    const [upload, heartbeat] = [new CountingLine(), new CountingLine()];
    const slow = new PacedSocket(upload, { paces, urgent: false });
    const urgent = new PacedSocket(heartbeat, { paces, urgent: true });
    onTestFinished(() => void [slow, urgent].map((socket) => socket.destroy()));
    slow.write(Buffer.alloc(1_000_000));
    await vi.advanceTimersByTimeAsync(1_000);

    urgent.write(Buffer.alloc(8_000));
    await vi.advanceTimersByTimeAsync(0);
    const atOnce = heartbeat.bytes;
    await vi.advanceTimersByTimeAsync(SECONDS * 1000 - 1_000);

    expect(atOnce).toBe(8_000);
    expect(upload.bytes + heartbeat.bytes).toBeLessThan(ALLOWED_BYTES);
    expect(upload.bytes).toBeGreaterThan(LEAST_BYTES - 8_000);
  });

  test("downloads ask in turns, and together for no more than its bandwidth", async () => {
    using _time = atWork();
    const down = new Pace(BANDWIDTH);
    const agent = new Agent();
    onTestFinished(() => agent.destroy());
    const request = createLinkRequest(agent, { baseUrl: "https://portal.invalid", down });
    const got = [0, 0, 0];

    for (const who of got.keys()) {
      void (async () => {
        for (;;) {
          const bytes = await request.nextSlice();
          // What was asked for arrives, and is counted as a paced socket counts it.
          down.count(bytes);
          got[who] = (got[who] ?? 0) + bytes;
        }
      })();
    }
    await vi.advanceTimersByTimeAsync(SECONDS * 1000);

    const total = got.reduce((sum, bytes) => sum + bytes, 0);
    const slice = 4096;
    expect(total).toBeLessThan(ALLOWED_BYTES + got.length * slice);
    expect(total).toBeGreaterThan(LEAST_BYTES - slice);
    expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(slice);
  });
});
