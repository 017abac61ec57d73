import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { onlyPositional, readArguments } from "../shell/arguments.ts";

export const PROCESSES = ["portal", "mitigator", "agent"] as const;
export type ProcessName = (typeof PROCESSES)[number];

export const PROCESS_USAGE = PROCESSES.map((name) => ({
  name,
  usage: `tms ${name} --config FILE${name === "portal" ? " [--roles a,b]" : ""}`,
}));

export function isProcessName(text: string | undefined): text is ProcessName {
  return PROCESSES.some((name) => name === text);
}

/**
 * Runs one of the servers as a child of this command: its output is ours, signals go on to it, and its end is ours.
 *
 * @returns The exit code.
 * @throws {AppError} `cli.usage`.
 */
export async function runProcess(name: ProcessName, argv: string[]): Promise<number> {
  const args = readArguments(argv, { config: { type: "string" }, roles: { type: "string" } });
  if (args.positionals.length > 0) throw new AppError("cli.usage", { unexpected: onlyPositional(args, "nothing") });
  const main = join(import.meta.dirname, "..", "..", "..", name, "src", "main.ts");
  const roles = args.text("roles");
  const child = spawn(
    process.execPath,
    [main, "--config", args.need("config"), ...(roles === undefined ? [] : ["--roles", roles])],
    { stdio: "inherit" },
  );
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of PASSED_ON) process.on(signal, pass);
  try {
    const [code, signal]: [number | null, NodeJS.Signals | null] = (await once(child, "exit")) as [
      number | null,
      NodeJS.Signals | null,
    ];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    for (const signal of PASSED_ON) process.off(signal, pass);
  }
}

const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
