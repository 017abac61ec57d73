#!/usr/bin/env node
// Starts the command on the Node 24 that npm installed, whatever Node the machine has: plain JavaScript, no dependency.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const child = spawn(nodeProgram(), [main, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`Node 24 could not be started: ${error.message}. Run npm ci --ignore-scripts again.\n`);
  process.exitCode = 2;
});
child.on("exit", (code, signal) => {
  process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
});

function nodeProgram() {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const require = createRequire(import.meta.url);
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const program = require.resolve(`${name}/bin/node`);
    return existsSync(program) ? program : process.execPath;
  } catch {
    // The optional package is for other platforms; the machine's own Node then says what it cannot do.
    return process.execPath;
  }
}
