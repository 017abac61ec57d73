import { execFileSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { AppError } from "@tms/records";
import { createScanEngine, type RuleSet, type ScanEngine } from "@tms/scan-engine";
import { TestClock } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createWatchedPaths } from "#app/telemetry/index.ts";
import { FileScanner } from "./file-scanner.ts";
import { readWholeFile } from "./read-file.ts";

const MARKER = "made-up-marker-4711";
const HARMLESS = "harmless-text--4711";

let engine: ScanEngine;
let rules: RuleSet;

beforeAll(async () => {
  engine = await createScanEngine({ kind: "auto" });
  rules = await engine.load([{ id: "marker", source: `rule marker { strings: $a = "${MARKER}" condition: $a }` }]);
});
afterAll(() => engine.close());

/** Two watched folders, looked at in this order, a folder outside, and a scanner that counts what the engine is given. */
function world() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-scan-")));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const [first, second, outside] = [join(root, "first"), join(root, "second"), join(root, "outside")];
  for (const folder of [first, second, outside]) mkdirSync(folder);
  const given: string[] = [];
  const hook = { beforeScan: (): void => undefined };
  const counting: ScanEngine = {
    id: engine.id,
    validate: (sources) => engine.validate(sources),
    load: (sources) => engine.load(sources),
    close: () => engine.close(),
    scan(set, input, limits) {
      given.push(Buffer.from(input as Uint8Array).toString("latin1"));
      hook.beforeScan();
      return engine.scan(set, input, limits);
    },
  };
  const clock = new TestClock(new Date());
  const watched = createWatchedPaths([first, second], []);
  const scanner = new FileScanner(counting, watched, clock);
  const look = async () => {
    const report = await scanner.scan(rules);
    return { ...report, hit: report.hits.map(({ path }) => basename(path.toString("utf8"))).sort() };
  };
  return { first, second, outside, given, hook, clock, look, watched };
}

test("a link out of the folder, a FIFO and a folder that is a link are neither followed nor waited for", async () => {
  const { first, outside, given, look } = world();
  writeFileSync(join(outside, "secret"), MARKER);
  symlinkSync(join(outside, "secret"), join(first, "link"));
  symlinkSync(outside, join(first, "folder"));
  symlinkSync(join(first, "loop"), join(first, "loop"));
  execFileSync("mkfifo", [join(first, "fifo")]);
  writeFileSync(join(first, "own"), MARKER);

  const { hit } = await look();

  expect(hit).toEqual(["own"]);
  expect(given).toEqual([MARKER]);
});

test("a file that became a link or a FIFO after it was seen is not read", () => {
  const { first, outside } = world();
  writeFileSync(join(outside, "secret"), MARKER);
  symlinkSync(join(outside, "secret"), join(first, "link"));
  execFileSync("mkfifo", [join(first, "fifo")]);
  const read = (name: string) => readWholeFile(Buffer.from(join(first, name)), { maxBytes: 1000, mayRead: () => true });

  expect([read("link"), read("fifo")]).toMatchObject([
    { kind: "not-read", why: "not-regular" },
    { kind: "not-read", why: "not-regular" },
  ]);
});

test("a folder that turns into a link while others are scanned brings nothing of the place outside", async () => {
  const { first, second, outside, given, hook, look } = world();
  writeFileSync(join(first, "a"), HARMLESS);
  mkdirSync(join(second, "sub"));
  writeFileSync(join(second, "sub", "b"), "not marked");
  writeFileSync(join(outside, "b"), MARKER);
  hook.beforeScan = () => {
    hook.beforeScan = () => undefined;
    renameSync(join(second, "sub"), join(second, "kept"));
    symlinkSync(outside, join(second, "sub"));
  };

  const { hit, problems } = await look();

  expect(given).toEqual([HARMLESS]);
  expect(hit).toEqual([]);
  expect(problems.map(({ code }) => code)).toEqual(["scan.input_unreadable"]);
});

test("a file that could not be read in one moment is read in the next, though nothing of it changed", async () => {
  const { first, second, outside, hook, look } = world();
  writeFileSync(join(first, "a"), HARMLESS);
  mkdirSync(join(second, "sub"));
  writeFileSync(join(second, "sub", "b"), MARKER);
  hook.beforeScan = () => {
    hook.beforeScan = () => undefined;
    renameSync(join(second, "sub"), join(outside, "sub"));
    symlinkSync(join(outside, "sub"), join(second, "sub"));
  };
  const hidden = await look();
  rmSync(join(second, "sub"));
  renameSync(join(outside, "sub"), join(second, "sub"));

  const { hit, problems } = await look();

  expect(hidden.hit).toEqual([]);
  expect(hit).toEqual(["b"]);
  expect(problems).toEqual([]);
});

test("a scan that ran out of time is tried again, three times in all, and said to be missing each time", async () => {
  const { first, given, hook, clock, look } = world();
  writeFileSync(join(first, "slow"), MARKER);
  clock.advance(60_000);
  hook.beforeScan = () => {
    throw new AppError("scan.timeout");
  };
  const looks = [await look(), await look()];
  hook.beforeScan = () => undefined;
  const inTime = await look();
  writeFileSync(join(first, "slower"), HARMLESS);
  clock.advance(60_000);
  hook.beforeScan = () => {
    throw new AppError("scan.timeout");
  };

  for (let count = 0; count < 5; count += 1) looks.push(await look());

  expect(inTime.hit).toEqual(["slow"]);
  expect(looks.flatMap(({ problems }) => problems.map(({ code }) => code))).toEqual(Array(7).fill("scan.timeout"));
  expect(given.filter((text) => text === HARMLESS)).toHaveLength(3);
});

test("what did not change is not read again, and the same bytes under two names are scanned once", async () => {
  const { first, given, clock, look } = world();
  writeFileSync(join(first, "one"), MARKER);
  writeFileSync(join(first, "two"), MARKER);
  clock.advance(60_000);

  const [atFirst, again] = [await look(), await look()];

  expect([atFirst.scanned, again.scanned]).toEqual([2, 0]);
  expect([atFirst.hit, again.hit]).toEqual([
    ["one", "two"],
    ["one", "two"],
  ]);
  expect(given).toEqual([MARKER]);
});

test("a file is read again when its bytes change in place, when another takes its name, and for other rules", async () => {
  const { first, given, clock, look, watched } = world();
  writeFileSync(join(first, "changed"), HARMLESS);
  writeFileSync(join(first, "replaced"), "another harmless");
  clock.advance(60_000);
  const before = await look();
  writeFileSync(join(first, "changed"), MARKER);
  writeFileSync(join(first, "other"), `${MARKER}!`);
  renameSync(join(first, "other"), join(first, "replaced"));

  const after = await look();
  const otherRules = await engine.load([{ id: "other", source: "rule other { condition: filesize > 0 }" }]);
  const byOthers = await new FileScanner(engine, watched, clock).scan(otherRules);

  expect(before.hit).toEqual([]);
  expect(after.hit).toEqual(["changed", "replaced"]);
  expect(given).toHaveLength(4);
  expect(byOthers.hits.map(({ matches }) => matches[0]?.source)).toEqual(["other", "other"]);
});

test("a file that changed a moment ago is read once more: its times might not tell of a second change", async () => {
  const { first, clock, look } = world();
  writeFileSync(join(first, "fresh"), HARMLESS);

  const scanned = [(await look()).scanned, (await look()).scanned];
  clock.advance(60_000);
  scanned.push((await look()).scanned, (await look()).scanned);

  expect(scanned).toEqual([1, 1, 1, 0]);
});

test("a second name for a file is a second place, found under both", async () => {
  const { first, second, look } = world();
  writeFileSync(join(first, "name"), MARKER);
  linkSync(join(first, "name"), join(second, "other-name"));

  expect((await look()).hit).toEqual(["name", "other-name"]);
});

test("a file over the bound is not scanned in part and said to be so, and the others are", async () => {
  const { first, look } = world();
  writeFileSync(join(first, "large"), MARKER);
  execFileSync("truncate", ["--size", String(32 * 1024 * 1024 + 1), join(first, "large")]);
  writeFileSync(join(first, "small"), MARKER);

  const { hit, problems } = await look();

  expect(hit).toEqual(["small"]);
  expect(problems.map(({ code }) => code)).toEqual(["scan.too_large"]);
});

test("folders deeper than the bound are not looked at, and the report says that it is cut", async () => {
  const { first, look } = world();
  const deep = join(first, ...Array.from({ length: 40 }, () => "d"));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "hidden"), MARKER);
  writeFileSync(join(first, "seen"), MARKER);

  const { hit, isCut } = await look();

  expect([hit, isCut]).toEqual([["seen"], true]);
});
