import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@tms/records";
import { failureOf as failureLine, sentenceOf } from "../shell/failure-line.ts";
import { openDataDirectory } from "./data-directory.ts";
import { ANY_PORTS, DEFAULT_PORTS } from "./installation.ts";
import { runLive } from "./live.ts";
import { runOnce } from "./once.ts";
import { failureOf } from "./until.ts";

const DEFAULT_DIRECTORY = ".data";
const DEFAULT_SEED = 1;

/**
 * `npm start`: portal, mitigator and two agents over a sandbox, and the whole loop on them.
 *
 * @returns The exit code: 0 closed or stopped by a person, 1 a step failed or the start did, 2 bad usage.
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if ("reason" in options) {
    process.stderr.write(
      `${options.reason}\nUsage: npm start -- [--once] [--plant-seed N] [--auto] [--fresh] [--any-ports]\n`,
    );
    const usage = failureLine({ schema: "tms.once/1" }, new AppError("cli.usage", { reason: options.reason }));
    if (args.includes("--once")) process.stdout.write(`${JSON.stringify(usage.line)}\n`);
    return usage.exit;
  }
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const requested = process.env.TMS_DATA_DIR ?? (options.once ? `${DEFAULT_DIRECTORY}-once` : DEFAULT_DIRECTORY);
  try {
    const directory = await openDataDirectory(requested, { fresh: options.fresh });
    try {
      if (options.once) {
        const result = await runOnce({ dataDir: directory.path, seed: options.seed, say });
        process.stdout.write(`${JSON.stringify(result)}\n`);
        return result.ok ? 0 : 1;
      }
      await runLive({
        dataDir: directory.path,
        seed: liveSeed(options, directory.path),
        auto: options.auto,
        ports: options.anyPorts ? ANY_PORTS : DEFAULT_PORTS,
        say,
        stop: stopSignal(),
      });
      return 0;
    } finally {
      await directory.release();
    }
  } catch (error) {
    const { code, cure } = failureOf(error);
    say(startSentenceOf(error));
    if (options.once)
      process.stdout.write(
        `${JSON.stringify({ schema: "tms.once/1", ok: false, seed: options.seed, runs: [], failed: { protocol: "", step: "start", code, cure }, left: { processes: 0, ports: 0 } })}\n`,
      );
    return 1;
  }
}

/**
 * On data of an earlier start another threat is planted than before: the same one, if nobody cleaned it up, is known
 * and rightly not told again.
 */
function liveSeed(options: { seed: number; isSeedGiven: boolean }, directory: string): number {
  return options.isSeedGiven || !existsSync(join(directory, "portal")) ? options.seed : randomInt(2 ** 32);
}

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        auto: { type: "boolean", default: false },
        fresh: { type: "boolean", default: false },
        "any-ports": { type: "boolean", default: false },
        "plant-seed": { type: "string" },
      },
    });
    const given = values["plant-seed"];
    const seed = given === undefined ? DEFAULT_SEED : Number(given);
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
      throw new Error("--plant-seed takes a whole number from 0 to 4294967295");
    return {
      once: values.once,
      auto: values.auto,
      fresh: values.fresh,
      anyPorts: values["any-ports"],
      seed,
      isSeedGiven: given !== undefined,
    };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What a process said of itself is nearer to the cure than that it ended. */
function startSentenceOf(error: unknown): string {
  if (!(error instanceof AppError)) return `${failureOf(error).code}: ${failureOf(error).cure}`;
  const { name, sentence } = error.details;
  if (error.code === "start.process_failed" && typeof sentence === "string" && sentence !== "")
    return `The ${String(name)} did not start. ${sentence}`;
  return sentenceOf(failureLine({ schema: "tms.once/1" }, error));
}

/** The first Ctrl-C or SIGTERM stops in order; a second one is the person's wish to end at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
