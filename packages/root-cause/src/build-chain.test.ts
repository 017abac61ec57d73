import type { ChainEdge, RootCauseChain } from "@tms/records";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildChain } from "./build-chain.ts";
import type { ParentClue, ProcessKey, TelemetryEvent } from "./telemetry-event.ts";

const BOOT = "boot-1";
const ORPHAN = "Its parent had ended before it was seen.";

describe("the planted situation", () => {
  test("runs from the downloader over its script to the detected file", () => {
    const chain = buildChain(planted({ depth: 1 }), { file: "/s/payload" });

    expect(chain.path.map((id) => nameOf(chain, id))).toEqual([
      "downloader",
      "/s/script0",
      "script0 run",
      "/s/payload",
    ]);
    expect(chain.rootCause).toBe(chain.path[0]);
    expect(chain.rootCauseReason).toContain(ORPHAN);
  });

  test("shows the downloader's missing parent as a node that says why", () => {
    const chain = buildChain(planted({ depth: 1 }), { file: "/s/payload" });

    const above = chain.edges.filter((edge) => edge.to === chain.rootCause);
    expect(above).toHaveLength(1);
    expect(chain.nodes.find((node) => node.id === above[0]?.from)).toMatchObject({
      kind: "not-observed",
      reason: ORPHAN,
    });
  });

  test("has every edge that a person would draw, and no other", () => {
    const chain = buildChain(planted({ depth: 1 }), { file: "/s/payload" });

    expect(named(chain)).toEqual([
      "/s/payload read holder",
      "/s/script0 executed script0 run",
      "downloader started script0 run",
      "downloader wrote /s/script0",
      "not-observed started downloader",
      "script0 run persisted @reboot /s/script0",
      "script0 run started holder",
      "script0 run wrote /s/payload",
    ]);
  });

  test.each([1, 2, 3, 5])("follows %i scripts that write and start one another", (depth) => {
    const chain = buildChain(planted({ depth }), { file: "/s/payload" });

    const scripts = Array.from({ length: depth }, (_, n) => [`/s/script${n}`, `script${n} run`]).flat();
    expect(chain.path.map((id) => nameOf(chain, id))).toEqual(["downloader", ...scripts, "/s/payload"]);
  });

  test("marks one node as first cause, the detected file, and each station of the path", () => {
    const chain = buildChain(planted({ depth: 2 }), { file: "/s/payload" });

    expect(chain.nodes.filter((node) => node.rootCauseReason !== undefined).map((node) => node.id)).toEqual([
      chain.rootCause,
    ]);
    expect(chain.nodes.filter((node) => node.detected).map((node) => node.path)).toEqual(["/s/payload"]);
    expect(chain.path.map((id) => chain.nodes.find((node) => node.id === id)?.pathIndex)).toEqual(
      chain.path.map((_, index) => index),
    );
  });

  test("takes an unseen writer of the crontab line for the one process that wrote what the line names", () => {
    const events = planted({ depth: 1 }).map((event) =>
      event.kind === "persistence" ? { ...event, line: "@reboot /s/payload", process: null } : event,
    );

    const chain = buildChain(events, { file: "/s/payload" });

    expect(chain.edges.filter((edge) => edge.kind === "persisted")).toMatchObject([{ quality: "inferred" }]);
    expect(named(chain)).toContain("script0 run persisted @reboot /s/payload");
  });

  test("leaves out what the machine does besides", () => {
    const chain = buildChain([...planted({ depth: 1 }), ...bystanders()], { file: "/s/payload" });

    expect(chain).toEqual(buildChain(planted({ depth: 1 }), { file: "/s/payload" }));
  });

  test("explains a detected process the same way", () => {
    const chain = buildChain(planted({ depth: 1 }), { process: key(190) });

    expect(chain.path.map((id) => nameOf(chain, id))).toEqual(["downloader", "/s/script0", "script0 run", "holder"]);
  });
});

describe("order and repeats", () => {
  test("shuffled and repeated events give the same chain", () => {
    const arbitrary = fc.record({
      depth: fc.integer({ min: 1, max: 4 }),
      salt: fc.integer(),
      repeats: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ depth, salt, repeats }) => {
        const events = [...planted({ depth }), ...bystanders()];
        const expected = buildChain(events, { file: "/s/payload" });

        const again = buildChain(mixed(events, { salt, repeats }), { file: "/s/payload" });

        expect(again).toEqual(expected);
        expect(expected.path.length).toBeGreaterThan(3);
      }),
      { numRuns: 60 },
    );
  });

  test("any set of events gives a chain without cycles whose edges end at its nodes, in any order", () => {
    fc.assert(
      fc.property(fc.array(anyEvent(), { maxLength: 40 }), fc.integer(), (events, salt) => {
        const chain = buildChain(events, { file: "/f0" });

        expect(buildChain(mixed(events, { salt, repeats: 5 }), { file: "/f0" })).toEqual(chain);
        expect(hasCycle(chain.edges)).toBe(false);
        const ids = new Set(chain.nodes.map((node) => node.id));
        expect(ids.size).toBe(chain.nodes.length);
        for (const edge of chain.edges) expect(ids.has(edge.from) && ids.has(edge.to)).toBe(true);
        for (const id of chain.path) expect(ids.has(id)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("identity", () => {
  test("a reused pid never joins two processes", () => {
    const events = [
      ...planted({ depth: 1 }),
      start({ ...key(110), start: "999" }, { parent: { kind: "none" }, image: "/usr/bin/innocent" }),
      file("write", "/home/letter", { ...key(110), start: "999" }),
    ];

    const chain = buildChain(events, { file: "/s/payload" });

    expect(chain.nodes.some((node) => node.image === "/usr/bin/innocent" || node.path === "/home/letter")).toBe(false);
    expect(chain.nodes.filter((node) => node.pid === 110)).toHaveLength(1);
  });

  test("the same numbers after another boot are another process", () => {
    const before = buildChain(planted({ depth: 1 }), { file: "/s/payload" });
    const after = buildChain(planted({ depth: 1, boot: "boot-2" }), { file: "/s/payload" });

    expect(after.rootCause).not.toBe(before.rootCause);
  });

  test("exec in place keeps the identity and shows the last image", () => {
    const events: TelemetryEvent[] = [
      start(key(7), { image: "/bin/sh" }),
      { ...seen(8), kind: "process.exec", process: key(7), image: "/bin/fetch", argv: ["fetch", "x"] },
      file("write", "/f", key(7)),
    ];

    const chain = buildChain(events, { file: "/f" });

    expect(chain.nodes.filter((node) => node.kind === "process")).toMatchObject([{ pid: 7, image: "/bin/fetch" }]);
  });

  test("a fork without exec is a node of its own, and only its own deed makes it the first cause", () => {
    const events = [
      start(key(7), { image: "/bin/a" }),
      start(key(8), { parent: child(7) }),
      file("write", "/f", key(8)),
    ];

    const chain = buildChain(events, { file: "/f" });

    expect(chain.path.map((id) => chain.nodes.find((node) => node.id === id)?.pid)).toEqual([8, undefined]);
    expect(chain.rootCauseReason).toContain("Process 7 (/bin/a) started it and did nothing else");
    expect(chain.nodes.some((node) => node.pid === 7)).toBe(false);
  });

  test("the first sight of a process names its parent, not who took over the orphan", () => {
    const adopted = { ...start(key(9), { parent: child(1) }), seenAt: time(50) };
    const events = [start(key(7), {}), start(key(9), { parent: child(7) }), adopted, file("write", "/f", key(9))];

    const chain = buildChain(events, { process: key(9) });

    expect(chain.path.map((id) => chain.nodes.find((node) => node.id === id)?.pid)).toEqual([7, 9]);
  });
});

describe("what was not seen", () => {
  test("a file without a known writer has no first cause, and a node that says so", () => {
    const chain = buildChain([], { file: "/s/payload" });

    expect(chain.rootCause).toBeNull();
    expect(chain.path).toEqual([chain.nodes.find((node) => node.kind === "file")?.id]);
    expect(chain.nodes).toContainEqual(
      expect.objectContaining({ kind: "not-observed", reason: "Who wrote this file was not observed." }),
    );
  });

  test("a gap of the sensor within the time of the chain is a node, one before it is not", () => {
    const gap = { kind: "gap", reason: "The watcher's queue overflowed.", lost: 4 } as const;
    const within: TelemetryEvent = { ...seen(12), ...gap, until: time(14) };
    const before: TelemetryEvent = {
      ...gap,
      ...seen(0),
      at: "2020-01-01T00:00:00.000Z",
      until: "2020-01-01T00:00:01.000Z",
    };

    const chain = buildChain([...planted({ depth: 1 }), within, before], { file: "/s/payload" });

    expect(chain.nodes.filter((node) => node.kind === "gap").map((node) => node.reason)).toEqual([
      "The watcher's queue overflowed. (4 events lost)",
    ]);
  });

  test("a process that writes the script it runs makes no circle", () => {
    const events = [
      start(key(7), { image: "/bin/sh", argv: ["sh", "/f"] }),
      file("write", "/f", key(7)),
      file("write", "/g", key(7)),
    ];

    const chain = buildChain(events, { file: "/g" });

    expect(hasCycle(chain.edges)).toBe(false);
    expect(chain.rootCause).not.toBeNull();
  });

  test("a crowd of children is cut, and the cut is shown", () => {
    const crowd = Array.from({ length: 400 }, (_, index) => start(key(1000 + index), { parent: child(110) }));

    const chain = buildChain([...planted({ depth: 1 }), ...crowd], { file: "/s/payload" });

    expect(chain.nodes.length).toBeLessThan(300);
    expect(chain.nodes.some((node) => node.kind === "gap" && /left out/.test(node.reason ?? ""))).toBe(true);
  });
});

function planted(options: { depth: number; boot?: string }): TelemetryEvent[] {
  const { depth, boot = BOOT } = options;
  const events: TelemetryEvent[] = [
    start({ ...key(100), boot }, { image: "/usr/bin/node", argv: ["node", "-e", "fetch"], parent: orphan() }),
  ];
  for (let n = 0; n < depth; n += 1) {
    const writer = n === 0 ? 100 : 109 + n;
    events.push(file("write", `/s/script${n}`, { ...key(writer), boot }));
    events.push(
      start(
        { ...key(110 + n), boot },
        { image: "/bin/sh", argv: ["sh", "-u", `script${n}`], cwd: "/s", parent: child(writer, boot) },
      ),
    );
  }
  const last = { ...key(109 + depth), boot };
  const holder = { ...key(190), boot };
  events.push(
    file("write", "/s/payload", last),
    { ...seen(15), kind: "persistence", path: "/s/crontab", line: "@reboot /s/script0", process: last },
    start(holder, { image: "/bin/sleep", argv: ["sleep", "60"], parent: { kind: "process", key: last } }),
    file("write", "/s/payload", holder),
  );
  return events;
}

function bystanders(): TelemetryEvent[] {
  return [
    start(key(1), { image: "/sbin/init", parent: { kind: "none" } }),
    start(key(500), { image: "/bin/bash", parent: child(1) }),
    file("write", "/home/letter", key(500)),
    file("read", "/home/letter", key(501)),
    { ...seen(3), kind: "persistence", path: "/s/crontab", line: "0 4 * * * /usr/bin/backup", process: null },
  ];
}

function key(pid: number): ProcessKey {
  return { boot: BOOT, pid, start: String(pid * 10) };
}

function child(pid: number, boot = BOOT): ParentClue {
  return { kind: "process", key: { ...key(pid), boot } };
}

function orphan(): ParentClue {
  return { kind: "not-observed", reason: ORPHAN };
}

function time(second: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
}

function seen(second: number) {
  return { at: time(second), sensor: "test", quality: "inferred" } as const;
}

function start(
  process: ProcessKey,
  rest: { parent?: ParentClue; image?: string; argv?: string[]; cwd?: string },
): Extract<TelemetryEvent, { kind: "process.start" }> {
  const second = Math.floor(process.pid / 10) % 60;
  return {
    ...seen(0),
    at: time(second),
    quality: "observed",
    kind: "process.start",
    process,
    parent: orphan(),
    ...rest,
  };
}

function file(op: "write" | "read", path: string, process: ProcessKey): TelemetryEvent {
  return { ...seen(20), kind: "file", op, path, process };
}

function mixed(events: readonly TelemetryEvent[], how: { salt: number; repeats: number }): TelemetryEvent[] {
  const all = [...events];
  for (let n = 0; n < how.repeats && events.length > 0; n += 1) {
    const again = events[(n * 7 + Math.abs(how.salt)) % events.length];
    if (again !== undefined) all.push(structuredClone(again));
  }
  return all
    .map((event, index) => ({ event, sort: Math.sin(how.salt + index * 12.9898) }))
    .sort((a, b) => a.sort - b.sort)
    .map(({ event }) => event);
}

function anyEvent(): fc.Arbitrary<TelemetryEvent> {
  const pid = fc.integer({ min: 1, max: 6 }).map(key);
  const path = fc.constantFrom("/f0", "/f1", "/f2");
  const second = fc.integer({ min: 0, max: 5 }).map(seen);
  return fc.oneof(
    fc.record({ s: second, process: pid, parent: pid, path }).map(
      ({ s, process, parent, path: named }): TelemetryEvent => ({
        ...s,
        kind: "process.start",
        process,
        parent: { kind: "process", key: parent },
        image: "/bin/sh",
        argv: ["sh", named],
      }),
    ),
    fc
      .record({ s: second, process: pid, path, op: fc.constantFrom("write" as const, "read" as const) })
      .map(({ s, ...rest }): TelemetryEvent => ({ ...s, kind: "file", ...rest })),
    fc
      .record({ s: second, process: pid, path, to: path })
      .map(({ s, ...rest }): TelemetryEvent => ({ ...s, kind: "file", op: "rename", ...rest })),
    fc
      .record({ s: second, process: fc.option(pid), path, line: path })
      .map(({ s, ...rest }): TelemetryEvent => ({ ...s, kind: "persistence", ...rest })),
    fc
      .record({ s: second, process: pid })
      .map(({ s, process }): TelemetryEvent => ({ ...s, kind: "process.exit", process })),
  );
}

function hasCycle(edges: readonly ChainEdge[]): boolean {
  let left = [...edges];
  for (;;) {
    const targets = new Set(left.map((edge) => edge.to));
    const next = left.filter((edge) => targets.has(edge.from));
    if (next.length === left.length) return left.length > 0;
    left = next;
  }
}

function nameOf(chain: RootCauseChain, id: string): string {
  const node = chain.nodes.find((candidate) => candidate.id === id);
  if (node === undefined) return "?";
  if (node.kind === "not-observed") return "not-observed";
  if (node.kind === "process") return processName(node.pid ?? 0);
  return node.line ?? node.path ?? node.kind;
}

function processName(pid: number): string {
  return pid === 100 ? "downloader" : pid === 190 ? "holder" : `script${pid - 110} run`;
}

function named(chain: RootCauseChain): string[] {
  return chain.edges.map((edge) => `${nameOf(chain, edge.from)} ${edge.kind} ${nameOf(chain, edge.to)}`).sort();
}
