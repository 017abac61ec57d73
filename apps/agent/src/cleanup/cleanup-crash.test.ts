import { fork } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { containersIn, makeWorld, openWorld, patternOf, sight, wholeCleanup } from "./cleanup-world.contract.ts";

// kill -9 at every point between two steps of the journal. After the restart the file is in its place or in quarantine,
// never lost, never both; the crontab is the one before or the one after; and the same directive finishes the work.

const LINE = "@reboot /somewhere/payload";
const BEFORE = `# jobs\n${LINE}\n0 1 * * * true\n`;
const AFTER = "# jobs\n0 1 * * * true\n";

const RUN_POINTS = [
  "line.intent",
  "line.preimage",
  "line.written",
  "line.replaced",
  "quarantine.intent",
  "quarantine.moved",
  "quarantine.part",
  "quarantine.sealed",
  "quarantine.unlinked",
];
const UNDO_POINTS = ["undo.intent", "restore.written", "restore.linked", "line.written"];

test.each(RUN_POINTS)(
  "a cleanup killed at %s is whole after the restart and finished by the same directive",
  async (point) => {
    const world = plantedWorld();
    const original = stateOf(world.sandbox);

    await crash(world.root, { mode: "run", point });
    const restarted = openWorld(world.root);
    restarted.runner.recover();
    const isInPlace = existsSync(join(world.sandbox, "payload"));
    const isKept = containersIn(world).length === 1;
    const crontab = readFileSync(join(world.sandbox, "crontab"), "utf8");

    expect([isInPlace, isKept].filter(Boolean)).toHaveLength(1);
    expect([BEFORE, AFTER]).toContain(crontab);
    expect(leftOvers(world)).toEqual([]);

    const pattern = patternOf(wholeCleanup(world.sandbox, LINE));
    const finished = await restarted.runner.run({ pattern, directive: "d1", look: sight() });
    expect(finished).toMatchObject({ state: "succeeded", changed: 2 });
    expect(existsSync(join(world.sandbox, "payload"))).toBe(false);
    expect(readFileSync(join(world.sandbox, "crontab"), "utf8")).toBe(AFTER);

    const undone = await restarted.runner.undo(pattern.manifest.id, 1);
    expect(undone).toMatchObject({ state: "succeeded", changed: 2 });
    expect(stateOf(world.sandbox)).toEqual(original);
    world.remove();
  },
  30_000,
);

test.each(UNDO_POINTS)(
  "an undo killed at %s is finished after the restart",
  async (point) => {
    const world = plantedWorld();
    const original = stateOf(world.sandbox);

    await crash(world.root, { mode: "undo", point });
    const restarted = openWorld(world.root);
    restarted.runner.recover();
    const undone = await restarted.runner.undo(patternOf(wholeCleanup(world.sandbox, LINE)).manifest.id, 1);

    expect(undone.state).toBe("succeeded");
    expect(stateOf(world.sandbox)).toEqual(original);
    expect(containersIn(world)).toEqual([]);
    expect(leftOvers(world)).toEqual([]);
    world.remove();
  },
  30_000,
);

function plantedWorld() {
  const world = makeWorld();
  writeFileSync(join(world.sandbox, "payload"), Buffer.alloc(100_000, 7));
  writeFileSync(join(world.sandbox, "crontab"), BEFORE);
  for (const name of ["payload", "crontab"]) {
    chmodSync(join(world.sandbox, name), 0o640);
    utimesSync(join(world.sandbox, name), 1_600_000_000, 1_600_000_000);
  }
  return world;
}

/** Resolves when the child was killed at the point; fails if it never came there. */
async function crash(root: string, at: { mode: "run" | "undo"; point: string }): Promise<void> {
  const child = fork(new URL("./crash-child.contract.ts", import.meta.url), [root, at.mode, at.point, LINE], {
    execArgv: [],
  });
  const signal = await new Promise<string | null>((resolve) => child.once("exit", (_code, by) => resolve(by)));
  expect(signal).toBe("SIGKILL");
}

/** Temporary names in the sandbox and files left in staging. */
function leftOvers(world: { sandbox: string; data: string }): string[] {
  const staging = join(world.data, "staging");
  const staged = existsSync(staging) ? readdirSync(staging) : [];
  const parts = containersIn(world).filter((name) => name.endsWith(".part"));
  return [...readdirSync(world.sandbox).filter((name) => name.startsWith(".tms")), ...staged, ...parts];
}

function stateOf(sandbox: string): unknown {
  return ["payload", "crontab"].map((name) => {
    const { mode, uid, gid, mtimeMs } = statSync(join(sandbox, name));
    return { name, bytes: readFileSync(join(sandbox, name), "hex"), mode, uid, gid, mtimeMs };
  });
}
