import { systemClock } from "@tms/records";
import { isProcessName, PROCESS_USAGE, type ProcessName, runProcess } from "./processes/run-process.ts";
import { runCommand } from "./run-command.ts";
import type { CommandIo, CommandResult } from "./shell/command.ts";
import { failureOf, sentenceOf } from "./shell/failure-line.ts";

// The `tms` command: the last line of standard output is one JSON object; everything else goes to standard error.

const argv = process.argv.slice(2);
const stop = new AbortController();

if (argv[0] === "demo") {
  // Its own process tree, output and signals: only loaded when asked for.
  const { runDemo } = await import("./demo/index.ts");
  process.exitCode = await runDemo(argv.slice(1));
} else if (isProcessName(argv[0])) {
  await serve(argv[0]);
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

/** A server writes its own lines; only a call that never started one ends in ours. */
async function serve(name: ProcessName): Promise<void> {
  try {
    process.exitCode = await runProcess(name, argv.slice(1));
  } catch (error) {
    const result = failureOf({ schema: "tms.process/1" }, error);
    process.stderr.write(`${sentenceOf(result)}\n`);
    for (const { usage } of PROCESS_USAGE.filter((one) => one.name === name)) process.stderr.write(`Usage: ${usage}\n`);
    finish(result);
  }
}
