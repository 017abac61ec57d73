import { parseArgs } from "node:util";
import { AppError, startFailureOf } from "@tms/records";
import { destination, pino } from "pino";
import { type RunningAgent, startAgent } from "./app.ts";
import { readConfig } from "./config.ts";

// `node apps/agent/src/main.ts --config FILE`. Runs until SIGTERM, SIGINT or the end of its parent.

/** After this a stop is no longer waited for; everything that matters is on disk before it is told. */
const STOP_WITHIN_MS = 10_000;

const log = pino({ name: "agent", level: process.env.TMS_LOG_LEVEL ?? "info" }, destination(2));
const stop = new AbortController();
let agent: RunningAgent | null = null;
let isEnding = false;

process.on("SIGTERM", () => void end(0));
process.on("SIGINT", () => void end(0));
process.on("disconnect", () => void end(0));
await start();

async function start(): Promise<void> {
  try {
    const { values } = parseArgs({ options: { config: { type: "string" } } });
    if (values.config === undefined) throw new AppError("start.config_invalid", { key: "--config" });
    agent = await startAgent(readConfig(values.config), log, stop.signal);
    const ready = { endpoint: agent.endpoint };
    process.send?.({ type: "ready", ...ready });
    process.stdout.write(`${JSON.stringify({ ready })}\n`);
    log.info(ready, "the agent runs");
  } catch (error) {
    if (isEnding) return;
    process.stderr.write(`${sentenceOf(error)}\n`);
    // The sentence says all of what we foresaw; only for the rest does somebody need the stack.
    if (!(error instanceof AppError)) log.error({ err: error }, "the agent did not start");
    const failure = startFailureOf(error);
    process.stdout.write(`${JSON.stringify(failure.line)}\n`, () => process.exit(failure.exit));
  }
}

async function end(code: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  stop.abort();
  setTimeout(() => process.exit(code), STOP_WITHIN_MS).unref();
  await agent?.close();
  process.exit(code);
}

/** One sentence and its cure, for the person who started it. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof AppError)) return `The agent did not start: ${String(error)}`;
  return `${error.row.text} ${error.row.cure} (${error.code} ${JSON.stringify(error.details)})`;
}
