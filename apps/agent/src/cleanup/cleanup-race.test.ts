import { type ChildProcess, fork } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { AppError, type PatternId, type Sha256 } from "@tms/records";
import { expect, test } from "vitest";
import { makeWorld } from "./cleanup-world.contract.ts";
import { openContainer } from "./container.ts";
import { sha256Hex } from "./object-state.ts";
import { quarantineFile } from "./quarantine.ts";

// The race of CVE-2020-3350: between the decision and the move an attacker makes the name mean another file.

/** Time for one driver; the whole test stays under ten seconds. */
const RACE_MS = 3000;
const VICTIM = sha256Hex(Buffer.from("victim"));

test("a parent folder that turns into a link never makes the agent take the canary", async () => {
  const { acted, tries, world, canaryInode, taken } = await race("parent");

  expect(tries).toBeGreaterThan(acted);
  expect(acted).toBeGreaterThan(0);
  expect(readFileSync(join(world.sandbox, "canary", "target"), "utf8")).toBe("canary");
  expect(statSync(join(world.sandbox, "canary", "target")).ino).toBe(canaryInode);
  expect(taken).not.toContain("canary");
  world.remove();
}, 30_000);

test("a name that turns into a link, a hard link or another file never makes the agent keep the canary", async () => {
  const { tries, world, canaryInode, taken } = await race("name");

  expect(tries).toBeGreaterThan(0);
  expect(readFileSync(join(world.sandbox, "canary", "target"), "utf8")).toBe("canary");
  expect(statSync(join(world.sandbox, "canary", "target")).ino).toBe(canaryInode);
  expect(taken).not.toContain("canary");
  expect(readdirSync(join(world.data, "staging"))).toEqual([]);
  world.remove();
}, 30_000);

async function race(mode: "parent" | "name") {
  const world = makeWorld();
  const { sandbox } = world;
  for (const folder of ["place", "canary"]) mkdirSync(join(sandbox, folder));
  mkdirSync(join(world.data, "staging"), { mode: 0o700 });
  writeFileSync(join(sandbox, "canary", "target"), "canary");
  writeFileSync(join(sandbox, "place", "target"), "victim");
  const canaryInode = statSync(join(sandbox, "canary", "target")).ino;
  const driver = await startDriver(mode, sandbox);
  const run = world.journal.begin({
    run: "race",
    pattern: "CP-race" as PatternId,
    version: 1,
    digest: VICTIM,
    directive: "d",
    at: new Date().toISOString(),
  });
  const end = Date.now() + RACE_MS;
  let acted = 0;
  let tries = 0;
  for (; Date.now() < end; tries += 1) {
    if (tryToMove(VICTIM)) {
      acted += 1;
      if (mode === "parent") putVictim(sandbox);
    }
    if (tries % 50 === 0) await breathe();
  }
  driver.kill("SIGKILL");
  await new Promise((resolve) => driver.once("exit", resolve));
  const taken = readdirSync(world.quarantine.directory)
    .filter((name) => name.endsWith(".tmsq"))
    .map((name) => textOf(join(world.quarantine.directory, name)));
  return { acted, tries, world, canaryInode, taken };

  function tryToMove(expected: Sha256): boolean {
    const path = Buffer.from(join(sandbox, "place", "target"));
    try {
      quarantineFile(world.quarantine, run, { n: tries, step: "s", path, expected, detection: "r" });
      return true;
    } catch (error) {
      // Refusals are what a race is expected to end in; anything else is a bug.
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  function textOf(container: string): string {
    const parts: Buffer[] = [];
    openContainer(container, world.quarantine.hostKey, (plain) => void parts.push(Buffer.from(plain)));
    return Buffer.concat(parts).toString("utf8");
  }
}

/** A new victim in the real folder, whatever its name is; a name that is taken (`wx`) is never overwritten. */
function putVictim(sandbox: string): void {
  for (let tries = 0; tries < 1000; tries += 1) {
    for (const name of ["aside", "place"]) {
      const folder = join(sandbox, name);
      try {
        if (!lstatSync(folder).isDirectory()) continue;
        writeFileSync(join(folder, "target"), "victim", { flag: "wx" });
        return;
      } catch (error) {
        // The driver renamed the folder in between: the next try finds it under its other name.
        if (!(error instanceof Error && "code" in error)) throw error;
      }
    }
  }
}

async function startDriver(mode: string, sandbox: string): Promise<ChildProcess> {
  const driver = fork(new URL("./race-driver.contract.ts", import.meta.url), [mode, sandbox], { execArgv: [] });
  await new Promise((resolve) => driver.once("message", resolve));
  return driver;
}
