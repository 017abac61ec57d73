import { systemClock } from "@tms/records";
import { runCommand } from "./run-command.ts";
import type { CommandIo, CommandResult } from "./shell/command.ts";

// The `tms` command: the last line of standard output is one JSON object; everything else goes to standard error.

const argv = process.argv.slice(2);
const stop = new AbortController();

if (argv[0] === "demo") {
  // Its own process tree, output and signals: only loaded when asked for.
  const { runDemo } = await import("./demo/index.ts");
  process.exitCode = await runDemo(argv.slice(1));
} else {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const io: CommandIo = {
    say: (sentence) => process.stderr.write(`${sentence}\n`),
    now: () => systemClock.now(),
    signal: stop.signal,
  };
  finish(await runCommand(argv, io));
}

function finish({ exit, line }: CommandResult): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
  process.exitCode = exit;
}
