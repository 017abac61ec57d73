import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { readImage, readStat } from "#app/telemetry/index.ts";
import { containersIn, makeWorld, patternOf, sight, wholeCleanup } from "./cleanup-world.contract.ts";

const LINE = "@reboot /somewhere/payload";
const worlds: { remove(): void }[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.remove();
});
function world() {
  const made = makeWorld();
  worlds.push(made);
  return made;
}

/** An orphan of nobody in this test: a sleeper started by a helper that has ended is not our child. */
async function startOrphan(sandbox: string): Promise<number> {
  const script = `const c = require("node:child_process").spawn("/bin/sleep", ["60"], { detached: true, stdio: "ignore", cwd: process.cwd() });
    c.unref(); console.log(c.pid);`;
  const starter = spawn(process.execPath, ["-e", script], { cwd: sandbox, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const part of starter.stdout) text += String(part);
  return Number(text);
}

function processTarget(pid: number) {
  return { pid, start: readStat(pid)?.startTicks ?? "", image: readImage(pid), name: "sleep" };
}

test("takes the line out, ends the process, moves the file, and finds nothing left", async () => {
  const { sandbox, runner, ...rest } = world();
  writeFileSync(join(sandbox, "payload"), "bad bytes");
  writeFileSync(join(sandbox, "crontab"), `# a\r\n${LINE}\n\xff no end`, "latin1");
  const pid = await startOrphan(sandbox);
  const look = sight({ running: () => [processTarget(pid)], sizeOf: () => 9 });

  const result = await runner.run({ pattern: patternOf(wholeCleanup(sandbox, LINE)), directive: "d1", look });

  expect(result).toMatchObject({ state: "succeeded", undo: "possible", changed: 3 });
  expect(result.steps.map((step) => [step.step, step.outcome])).toEqual([
    ["line", "done"],
    ["kill", "done"],
    ["file", "done"],
    ["check", "done"],
  ]);
  expect(readFileSync(join(sandbox, "crontab"), "latin1")).toBe("# a\r\n\xff no end");
  expect(readStat(pid)?.state ?? "gone").toMatch(/Z|gone/);
  expect(existsSync(join(sandbox, "payload"))).toBe(false);
  const [container] = containersIn(rest);
  expect(readFileSync(container ?? "").includes("bad bytes")).toBe(false);
});

test("undo after cleanup is the identity for any bytes, modes and times, and says that a process stays ended", async () => {
  const arbitrary = fc.record({
    content: fc.uint8Array({ maxLength: 5000 }),
    before: fc.uint8Array({ maxLength: 50 }),
    after: fc.uint8Array({ maxLength: 50 }),
    mode: fc.constantFrom(0o644, 0o600, 0o755, 0o640),
    time: fc.integer({ min: 1_000_000_000, max: 1_700_000_000 }),
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ content, before, after, mode, time }) => {
      const { sandbox, runner } = world();
      const payload = join(sandbox, "payload");
      const crontab = join(sandbox, "crontab");
      writeFileSync(payload, content);
      writeFileSync(crontab, Buffer.concat([before, Buffer.from(`\n${LINE}\r\n`), after]));
      for (const file of [payload, crontab]) {
        chmodSync(file, mode);
        utimesSync(file, time, time);
      }
      const original = [payload, crontab].map(stateOf);
      const pattern = patternOf(wholeCleanup(sandbox, LINE));

      const cleaned = await runner.run({ pattern, directive: "d1", look: sight({ sizeOf: () => content.length }) });
      const changed = [payload, crontab].map(stateOf);
      const undone = await runner.undo(pattern.manifest.id, 1);

      expect(cleaned).toMatchObject({ state: "succeeded", changed: 2 });
      expect(changed[0]).toBe("absent");
      expect(changed[1]).not.toEqual(original[1]);
      expect(undone).toMatchObject({ state: "succeeded", undo: "done", changed: 2 });
      expect([payload, crontab].map(stateOf)).toEqual(original);
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("an undo says of an ended process that it is not started again", async () => {
  const { sandbox, runner } = world();
  const pid = await startOrphan(sandbox);
  const steps = wholeCleanup(sandbox, LINE).filter((step) => step.step === "kill");
  const pattern = patternOf(steps);
  const done = await runner.run({ pattern, directive: "d1", look: sight({ running: () => [processTarget(pid)] }) });

  const undone = await runner.undo(pattern.manifest.id, 1);

  expect(done.undo).toBe("none");
  expect(undone.steps).toMatchObject([{ step: "kill", outcome: "nothing-to-do", code: "cleanup.not_undoable" }]);
});

test("the same directive again does nothing again", async () => {
  const { sandbox, runner } = world();
  writeFileSync(join(sandbox, "payload"), "bad");
  const order = { pattern: patternOf(wholeCleanup(sandbox, LINE)), directive: "d1", look: sight() };
  const first = await runner.run(order);
  writeFileSync(join(sandbox, "payload"), "a new file of somebody else");

  const second = await runner.run(order);

  expect(second).toEqual(first);
  expect(existsSync(join(sandbox, "payload"))).toBe(true);
});

test("refuses what lies outside the sandbox, in the agent's own folder, or on the protected list", async () => {
  const { sandbox, runner, root, data } = world();
  for (const file of [join(root, "outside"), join(data, "own"), join(sandbox, "payload")]) writeFileSync(file, "x");
  const pattern = patternOf([
    { step: "a", verb: "file.quarantine", target: { path: join(root, "outside") } },
    { step: "b", verb: "file.quarantine", target: { path: join(data, "own") } },
    { step: "c", verb: "process.kill", target: { path: join(sandbox, "payload") } },
  ]);
  const look = sight({
    running: () => [{ ...processTarget(1), pid: 1 }, processTarget(process.pid), processTarget(process.ppid)],
  });

  const result = await runner.run({ pattern, directive: "d1", look });

  expect(result.state).toBe("failed");
  expect(result.steps.map((step) => [step.step, step.outcome, step.code])).toEqual([
    ["c", "refused", "cleanup.target_protected"],
    ["c", "refused", "cleanup.target_protected"],
    ["c", "refused", "cleanup.target_protected"],
    ["a", "refused", "cleanup.target_outside"],
    ["b", "refused", "cleanup.target_protected"],
  ]);
  expect([join(root, "outside"), join(data, "own")].every((file) => existsSync(file))).toBe(true);
});

test("leaves a process alone that has nothing to do with the sandbox", async () => {
  const { sandbox, runner } = world();
  const pid = await startOrphan("/");
  const pattern = patternOf([{ step: "kill", verb: "process.kill", target: { path: join(sandbox, "payload") } }]);

  const result = await runner.run({ pattern, directive: "d1", look: sight({ running: () => [processTarget(pid)] }) });

  expect(result.steps).toMatchObject([{ outcome: "refused", code: "cleanup.target_outside" }]);
  expect(readStat(pid)?.state).toMatch(/[SR]/);
  process.kill(pid, "SIGKILL");
});

test("leaves a process alone whose pid now belongs to another", async () => {
  const { sandbox, runner } = world();
  const pid = await startOrphan(sandbox);
  const pattern = patternOf([{ step: "kill", verb: "process.kill", target: { path: join(sandbox, "payload") } }]);
  const older = { ...processTarget(pid), start: "1" };

  const result = await runner.run({ pattern, directive: "d1", look: sight({ running: () => [older] }) });

  expect(result.steps).toMatchObject([{ outcome: "failed", code: "cleanup.process_differs" }]);
  expect(readStat(pid)?.state).toMatch(/[SR]/);
  process.kill(pid, "SIGKILL");
});

test("refuses a FIFO, a folder and a link at once, and follows no link on the way", async () => {
  const { sandbox, runner, root } = world();
  mkdirSync(join(root, "elsewhere"));
  writeFileSync(join(root, "elsewhere", "canary"), "alive");
  mkdirSync(join(sandbox, "folder"));
  symlinkSync(join(root, "elsewhere", "canary"), join(sandbox, "link"));
  symlinkSync(join(root, "elsewhere"), join(sandbox, "linked"));
  const mkfifo = spawn("mkfifo", [join(sandbox, "fifo")]);
  await new Promise((resolve) => mkfifo.once("exit", resolve));
  const names = ["fifo", "folder", "link", "linked/canary"];
  const pattern = patternOf(
    names.map((name, index) => ({ step: `s${index}`, verb: "file.quarantine", target: { path: join(sandbox, name) } })),
  );
  const result = await runner.run({ pattern, directive: "d1", look: sight() });

  expect(result.steps.map((step) => step.code)).toEqual([
    "cleanup.not_regular_file",
    "cleanup.not_regular_file",
    "cleanup.not_regular_file",
    "cleanup.target_changed",
  ]);
  expect(readFileSync(join(root, "elsewhere", "canary"), "utf8")).toBe("alive");
});

test("begins nothing of a phase that would go over the pattern's limits", async () => {
  const { sandbox, runner } = world();
  for (const name of ["a", "b"]) writeFileSync(join(sandbox, name), "x");
  const detected = () =>
    ["a", "b"].map((name) => ({ path: Buffer.from(join(sandbox, name)), sha256: HASH_OF_X, sizeBytes: 1 }));
  const pattern = patternOf(
    [{ step: "file", verb: "file.quarantine", detection: "made_up", target: { from: "detected-file" } }],
    { maxFiles: 1 },
  );

  const result = await runner.run({ pattern, directive: "d1", look: sight({ detected }) });

  expect(result.steps.map((step) => step.code)).toEqual(["cleanup.limit_reached", "cleanup.limit_reached"]);
  expect(existsSync(join(sandbox, "a"))).toBe(true);
});

test("leaves a file alone whose content is no longer what was found", async () => {
  const { sandbox, runner } = world();
  writeFileSync(join(sandbox, "a"), "changed since");
  const detected = () => [{ path: Buffer.from(join(sandbox, "a")), sha256: HASH_OF_X, sizeBytes: 1 }];
  const step = {
    step: "file",
    verb: "file.quarantine",
    detection: "made_up",
    target: { from: "detected-file" },
  } as const;

  const result = await runner.run({ pattern: patternOf([step]), directive: "d1", look: sight({ detected }) });

  expect(result.steps).toMatchObject([{ outcome: "failed", code: "cleanup.target_changed" }]);
  expect(existsSync(join(sandbox, "a"))).toBe(true);
});

test("a file with another name left is never called clean", async () => {
  const { sandbox, runner } = world();
  writeFileSync(join(sandbox, "payload"), "x");
  linkSync(join(sandbox, "payload"), join(sandbox, "second name"));
  const steps = wholeCleanup(sandbox, LINE).filter((step) => step.step === "file");

  const result = await runner.run({ pattern: patternOf(steps), directive: "d1", look: sight() });

  expect(result.state).not.toBe("succeeded");
  expect(result.steps).toMatchObject([{ outcome: "failed", code: "cleanup.still_present" }]);
});

test("a name of hostile bytes is moved and comes back", async () => {
  const { sandbox, runner } = world();
  const name = Buffer.concat([Buffer.from(`${sandbox}/-$(id)\n`), Buffer.from([0xff, 0x1b])]);
  writeFileSync(name, "x");
  const detected = () => [{ path: name, sha256: HASH_OF_X, sizeBytes: 1 }];
  const step = {
    step: "file",
    verb: "file.quarantine",
    detection: "made_up",
    target: { from: "detected-file" },
  } as const;
  const pattern = patternOf([step]);

  const result = await runner.run({ pattern, directive: "d1", look: sight({ detected }) });
  const isAway = !existsSync(name);
  await runner.undo(pattern.manifest.id, 1);

  expect(result.steps[0]?.target).toContain("/-$(id)\\x0a\\xff\\x1b");
  expect(isAway).toBe(true);
  expect(readFileSync(name, "utf8")).toBe("x");
});

test("undo overwrites nothing that stands at the place, and changes no file that others changed since", async () => {
  const { sandbox, runner } = world();
  writeFileSync(join(sandbox, "payload"), "x");
  writeFileSync(join(sandbox, "crontab"), `${LINE}\n`);
  const pattern = patternOf(wholeCleanup(sandbox, LINE));
  await runner.run({ pattern, directive: "d1", look: sight() });
  writeFileSync(join(sandbox, "payload"), "new and good");
  writeFileSync(join(sandbox, "crontab"), "0 1 * * * new\n");

  const undone = await runner.undo(pattern.manifest.id, 1);

  expect(undone.state).toBe("failed");
  expect(undone.steps.map((step) => step.code)).toEqual(["undo.path_taken", "undo.file_changed"]);
  expect(readFileSync(join(sandbox, "payload"), "utf8")).toBe("new and good");
  expect(readFileSync(join(sandbox, "crontab"), "utf8")).toBe("0 1 * * * new\n");
});

test("an undo of a pattern that never ran here is refused", async () => {
  await expect(world().runner.undo(patternOf([]).manifest.id, 7)).rejects.toMatchObject({ code: "cleanup.unknown" });
});

const HASH_OF_X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" as never;

function stateOf(path: string): unknown {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return "absent";
  return { bytes: readFileSync(path, "hex"), mode: stat.mode, uid: stat.uid, gid: stat.gid, mtimeMs: stat.mtimeMs };
}
