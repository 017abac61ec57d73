import { createHash, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Bench, Measured } from "../bench.ts";
import { type LineWorld, openLineWorld } from "./line-world.ts";

// Whether a bandwidth holds within 5 % over every 10 s, in both directions, on every way that bytes go.

const KBITS = [64, 128, 256, 512, 1_000, 2_000, 5_000, 10_000] as const;
const QUICK_KBITS = [64, 1_000, 10_000] as const;
const WINDOW_MS = 10_000;
/** After the first bytes: the handshakes are over, and the line is busy. */
const SETTLE_MS = 1_500;
const RUN_MS = 22_000;
const CHANGE = { from: 256, to: 1_000 } as const;

type Way = { name: string; protocol: "ssl" | "ssh"; proxy: "none" | "http" | "socks5"; direction: "up" | "down" };

const WAYS: readonly Way[] = [
  { name: "uploadSsl", protocol: "ssl", proxy: "none", direction: "up" },
  { name: "uploadSsh", protocol: "ssh", proxy: "none", direction: "up" },
  { name: "uploadSslHttpProxy", protocol: "ssl", proxy: "http", direction: "up" },
  { name: "uploadSshSocks5", protocol: "ssh", proxy: "socks5", direction: "up" },
  { name: "download", protocol: "ssl", proxy: "none", direction: "down" },
  { name: "downloadHttpProxy", protocol: "ssl", proxy: "http", direction: "down" },
];

export const bandwidthBench: Bench = {
  seconds: 330,
  run: async ({ quick, say }) => {
    const kbits = quick ? QUICK_KBITS : KBITS;
    const ways = quick ? WAYS.filter(({ proxy }) => proxy === "none") : WAYS;
    const figures: Record<string, number> = {};
    const ledger = { sent: 0, stored: 0, digestEqual: true };
    for (const way of ways) {
      // All rates of a way at once: they share nothing but the machine.
      const errors = await Promise.all(kbits.map((rate) => measureFixed(way, rate, ledger)));
      kbits.forEach((rate, at) => {
        figures[`${way.name}_${rate}kbits`] = errors[at] ?? Number.NaN;
      });
      figures[way.name] = Math.max(...errors);
      say(`${way.name}: worst ${percent(figures[way.name])} over any 10 s at ${kbits.join(", ")} kbit/s`);
    }
    for (const way of ways.filter(({ proxy }) => proxy === "none")) {
      figures[`${way.name}_changed`] = await measureChanged(way, ledger);
      say(`${way.name}: worst ${percent(figures[`${way.name}_changed`])} before and after a change while running`);
    }
    return result(figures, { ways, kbits, ledger });
  },
};

function result(
  figures: Record<string, number>,
  run: { ways: readonly Way[]; kbits: readonly number[]; ledger: Measured["verified"] },
): Measured {
  const names = [
    ...run.ways.map(({ name }) => name),
    ...run.ways.filter(({ proxy }) => proxy === "none").map(({ name }) => `${name}_changed`),
  ];
  return {
    params: { kbits: run.kbits, windowMs: WINDOW_MS, runMs: RUN_MS, change: CHANGE },
    samples: run.kbits.length,
    figures,
    baseline: {},
    goals: names.map((name) => ({ name, op: "<=", goal: 0.05 })),
    verified: run.ledger,
    controls: [],
  };
}

const percent = (share: number | undefined) => `${((share ?? Number.NaN) * 100).toFixed(2)} %`;

async function measureFixed(way: Way, kbits: number, ledger: Measured["verified"]): Promise<number> {
  const world = await openLineWorld(way);
  try {
    const transfer = await begin(world, way, { kbits, bytes: bytesFor(kbits, RUN_MS) });
    const fromMs = performance.now() + SETTLE_MS;
    await pause(SETTLE_MS + RUN_MS);
    const line = way.direction === "up" ? world.lines.log : world.lines.status;
    const worst = line.worstError(way.direction, {
      fromMs,
      toMs: fromMs + RUN_MS,
      windowMs: WINDOW_MS,
      bitsPerSecond: kbits * 1000,
    });
    await finish(world, transfer, ledger);
    return worst;
  } finally {
    await world.close();
  }
}

async function measureChanged(way: Way, ledger: Measured["verified"]): Promise<number> {
  const world = await openLineWorld(way);
  try {
    const bytes = bytesFor(CHANGE.from, RUN_MS) + bytesFor(CHANGE.to, RUN_MS);
    const transfer = await begin(world, way, { kbits: CHANGE.from, bytes });
    const line = way.direction === "up" ? world.lines.log : world.lines.status;
    const first = performance.now() + SETTLE_MS;
    await pause(SETTLE_MS + RUN_MS);
    tune(world, CHANGE.to);
    const second = performance.now();
    await pause(RUN_MS);
    const errors = [
      line.worstError(way.direction, span(first, second, CHANGE.from)),
      line.worstError(way.direction, span(second, second + RUN_MS, CHANGE.to)),
    ];
    await finish(world, transfer, ledger);
    return Math.max(...errors);
  } finally {
    await world.close();
  }
}

function span(fromMs: number, toMs: number, kbits: number) {
  return { fromMs, toMs, windowMs: WINDOW_MS, bitsPerSecond: kbits * 1000 };
}

/** More than passes while it is watched, so that the line is never idle. */
function bytesFor(kbits: number, ms: number): number {
  return Math.ceil(((kbits * 1000) / 8 / 1000) * ms * 1.35) + 100_000;
}

function tune(world: LineWorld, kbits: number | null): void {
  world.paces.up.set(kbits === null ? null : kbits * 1000);
  world.paces.down.set(kbits === null ? null : kbits * 1000);
}

interface Transfer {
  sent: number;
  stored: () => Promise<number>;
  digestEqual: () => Promise<boolean>;
}

async function begin(world: LineWorld, way: Way, plan: { kbits: number; bytes: number }): Promise<Transfer> {
  if (way.direction === "up") {
    const sent = await world.fill(plan.bytes);
    tune(world, plan.kbits);
    world.link.start();
    return {
      sent,
      stored: async () => {
        await world.portal.until(async () => (await world.received()) >= sent);
        return world.received();
      },
      digestEqual: async () => true,
    };
  }
  const target = randomBytes(plan.bytes);
  world.portal.patternFiles.set("targets/custom-act/CP-1.json", target);
  tune(world, plan.kbits);
  const downloaded = download(world, target.length);
  return {
    sent: target.length,
    stored: async () => (await downloaded).length,
    digestEqual: async () => hash(await downloaded) === hash(target),
  };
}

async function download(world: LineWorld, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes; ) {
    const to = Math.min(bytes, from + (await world.link.request.nextSlice()));
    parts.push(await world.link.request.patternTarget("custom-act/CP-1.json", { from, to }));
    from = to;
  }
  return Buffer.concat(parts);
}

/** Unlimited from here on: what was begun must arrive whole. */
async function finish(world: LineWorld, transfer: Transfer, ledger: Measured["verified"]): Promise<void> {
  tune(world, null);
  ledger.sent += transfer.sent;
  ledger.stored += await transfer.stored();
  ledger.digestEqual &&= await transfer.digestEqual();
}

const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
