import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { leftBehind } from "./left-behind.ts";

test("counts a process that works in the data directory, and its listening port", async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "tms-left-")));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const script = join(directory, "server.mjs");
  writeFileSync(
    script,
    'import net from "node:net"; net.createServer().listen(0, "127.0.0.1", () => console.log("up"));',
  );
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout, "data");

  const running = await leftBehind(directory);
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const after = await leftBehind(directory);

  expect(running).toEqual({ processes: 1, ports: 1 });
  expect(after).toEqual({ processes: 0, ports: 0 });
});
