import type { ChainNode } from "@tms/records";
import { middleTruncate } from "../text/middle-truncate.ts";

/** Programs that say nothing by themselves: what they run is what a reader looks for. */
const INTERPRETER = /^(?:sh|dash|bash|ash|zsh|ksh|busybox|perl|ruby|node|php|python[\d.]*)$/;

type Process = Pick<ChainNode, "pid" | "image" | "commandLine" | "user">;

/** The script's name where an interpreter runs one, its arguments where it has none; else the program's name. */
export function processName(process: Process): string {
  const program = programOf(process);
  if (program === null) return `pid ${process.pid ?? "?"}`;
  const script = scriptOf(process);
  if (script !== undefined) return lastPart(script);
  const words = argumentsOf(process);
  return INTERPRETER.test(program) && words.length > 0
    ? middleTruncate([program, ...words].join(" "), "command")
    : program;
}

/** `dash pid 8203 user 0` where the name is the script's, else `pid 8203 user 0`. */
export function processDetail(process: Process): string {
  return [
    scriptOf(process) === undefined ? "" : (programOf(process) ?? ""),
    process.pid === undefined ? "" : `pid ${process.pid}`,
    process.user === undefined ? "" : `user ${process.user}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** The script that an interpreter was given as its first argument. */
export function scriptOf(process: Process): string | undefined {
  const program = programOf(process);
  if (program === null || !INTERPRETER.test(program)) return undefined;
  const [first] = argumentsOf(process);
  return first?.includes("/") === true && !first.startsWith("-") ? first : undefined;
}

function programOf(process: Process): string | null {
  const program = process.image ?? process.commandLine?.split(" ")[0];
  return program === undefined || program === "" ? null : lastPart(program);
}

function argumentsOf(process: Process): string[] {
  return (process.commandLine ?? "")
    .split(" ")
    .slice(1)
    .filter((word) => word !== "");
}

export function lastPart(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.at(-1) ?? path;
}
