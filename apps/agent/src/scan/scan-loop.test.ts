import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, type PatternId, systemClock } from "@tms/records";
import { createScanEngine } from "@tms/scan-engine";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RegularRules } from "#app/patterns/index.ts";
import { createWatchedPaths } from "#app/telemetry/index.ts";
import { FileScanner, type ScanReport } from "./file-scanner.ts";
import { createScanLoop, type Unscanned } from "./scan-loop.ts";

const MARKER = "made-up-marker-4711";

/** A loop over a real folder that nobody watches: without a hint only the full look finds anything. */
async function world(onReport: (report: ScanReport) => Promise<void> = async () => undefined) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-loop-")));
  const engine = await createScanEngine({ kind: "auto" });
  const ruleSet = await engine.load([
    { id: "marker", source: `rule marker { strings: $a = "${MARKER}" condition: $a }` },
  ]);
  const rules: RegularRules = {
    pattern: { id: "RP-regular" as PatternId, version: 1 },
    ruleSet,
    describe: () => ({ title: "Marker", severity: "high", severityReason: "It is one.", techniques: [] }),
    stepsFor: () => 0,
  };
  const problems: unknown[] = [];
  const unscanned: Unscanned[] = [];
  const reports: ScanReport[] = [];
  const waiting: ((report: ScanReport) => void)[] = [];
  const loop = createScanLoop({
    scanner: new FileScanner(engine, createWatchedPaths([root], []), systemClock),
    rules: () => rules,
    async onReport(report) {
      reports.push(report);
      for (const told of waiting.splice(0)) told(report);
      await onReport(report);
    },
    onUnscanned: (one) => unscanned.push(one),
    onProblem: (error) => problems.push(error),
  });
  onTestFinished(async () => {
    await loop.stop();
    await engine.close();
    vi.useRealTimers();
    rmSync(root, { recursive: true });
  });
  const nextReport = () => new Promise<ScanReport>((resolve) => waiting.push(resolve));
  return { root, loop, reports, problems, unscanned, nextReport };
}

test("a change that the watcher lost is found by the full look", async () => {
  const { root, loop, nextReport } = await world();
  await loop.scanNow();
  writeFileSync(join(root, "lost"), MARKER);

  const report = nextReport();
  vi.advanceTimersByTime(60_000);

  expect((await report).hits.map(({ path }) => path.toString("utf8"))).toEqual([join(root, "lost")]);
});

test("many hints while a scan runs are one scan more, which sees what changed meanwhile", async () => {
  const held = Promise.withResolvers<void>();
  const { root, loop, reports, nextReport } = await world(() => held.promise);
  const first = nextReport();
  loop.wake();
  await first;
  writeFileSync(join(root, "meanwhile"), MARKER);
  for (let count = 0; count < 50; count += 1) loop.wake();

  const second = nextReport();
  held.resolve();

  expect((await second).hits).toHaveLength(1);
  await loop.stop();
  expect(reports).toHaveLength(2);
});

test("a report that nobody could take is told, and the next scan runs all the same", async () => {
  const fails = [true];
  const { loop, problems, reports, nextReport } = await world(async () => {
    if (fails.pop()) throw new AppError("spool.full", {});
  });
  const first = nextReport();
  loop.wake();
  await first;

  const again = await loop.scanNow();

  expect(problems).toMatchObject([{ code: "spool.full" }]);
  expect(again).not.toBeNull();
  expect(reports).toHaveLength(2);
});

test("files that were not scanned are told once, and again when it is others", async () => {
  const { root, loop, unscanned } = await world();
  mkdirSync(join(root, ...Array.from({ length: 40 }, () => "d")), { recursive: true });

  await loop.scanNow();
  await loop.scanNow();
  rmSync(join(root, "d"), { recursive: true });
  await loop.scanNow();

  expect(unscanned).toEqual([
    { isCut: true, codes: {} },
    { isCut: false, codes: {} },
  ]);
});
