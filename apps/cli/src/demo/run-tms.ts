import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { StepFailed } from "./until.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");
const DEADLINE_MS = 60_000;

/** The one JSON object that every `tms` command prints as its last line. */
export type TmsAnswer = { schema: string; ok: boolean } & Record<string, unknown>;

/**
 * Runs a `tms` command as its own process, as a person at a shell would.
 *
 * @throws {StepFailed} if it exits with anything but 0; the cure holds what it wrote to standard error.
 */
export async function runTms(args: readonly string[]): Promise<TmsAnswer> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"], timeout: DEADLINE_MS });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const last = out.trim().split("\n").at(-1) ?? "";
  if (code !== 0)
    throw new StepFailed(
      "server.internal",
      `tms ${args.slice(0, 2).join(" ")} exited ${code}: ${err.trim().slice(-1500)} ${last.slice(0, 500)}`,
    );
  return JSON.parse(last) as TmsAnswer;
}
