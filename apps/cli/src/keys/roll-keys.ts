import { spawn } from "node:child_process";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { ROLL_STEPS, ROLLED_KEYS, type RollOrder } from "@tms/link";
import { AppError, errorFromCode } from "@tms/records";
import { z } from "zod";
import { readInstallation } from "../installation/read-installation.ts";
import { withDatabase } from "../installation/with-database.ts";
import { type ReadArguments, readArguments, serverOf } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";

const waitingSchema = z.object({
  id: z.string(),
  name: z.string(),
  host: z.string(),
  customer: z.string().nullable(),
  lastSeenAt: z.string().nullable(),
  why: z.enum(["not-confirmed", "says-nothing", "never-heard"]),
});
const reportSchema = z.object({
  ok: z.literal(true),
  key: z.enum(ROLLED_KEYS),
  phase: z.enum(["none", "announced", "switched"]),
  present: z.string(),
  next: z.string().nullable(),
  begunAt: z.string().nullable(),
  switchedAt: z.string().nullable(),
  confirmed: z.int(),
  waiting: z.array(waitingSchema),
});
type Report = z.infer<typeof reportSchema>;
const answerSchema = z.union([
  reportSchema,
  z.object({ ok: z.literal(false), code: z.string(), details: z.record(z.string(), z.unknown()) }),
]);

/** Sentences about products; all of them are in the last line. */
const MAX_TOLD = 20;

const WHY = {
  "not-confirmed": "has not confirmed it",
  "says-nothing": "does not say what it trusts: a foreign product or an older version, which a person has to tell",
  "never-heard": "was never heard",
} as const;

export const keysRoll: Command = {
  name: "keys roll",
  schema: "tms.keys-roll/1",
  usage: `tms keys roll ${ROLLED_KEYS.join("|")} ${ROLL_STEPS.join("|")} --portal FILE | --mitigator FILE [--force] [--json]`,
  async run(argv, io) {
    const args = readArguments(argv, {
      portal: { type: "string" },
      mitigator: { type: "string" },
      force: { type: "boolean" },
      json: { type: "boolean" },
    });
    const { server, file } = serverOf(args);
    const order = orderOf(args);
    const installation = await readInstallation(server, file);
    const report = await withDatabase(installation, (url) => askServer({ server, file, url, order }));
    if (!args.has("json")) for (const sentence of sentencesOf(report)) io.say(sentence);
    return { exit: 0, line: { schema: this.schema, server, ...report } };
  },
};

function orderOf(args: ReadArguments): RollOrder {
  const [key, step, ...more] = args.positionals;
  const known = { key: ROLLED_KEYS.find((one) => one === key), step: ROLL_STEPS.find((one) => one === step) };
  if (known.key === undefined || known.step === undefined || more.length > 0) {
    throw new AppError("cli.usage", { expected: `${ROLLED_KEYS.join("|")}, then ${ROLL_STEPS.join("|")}` });
  }
  return {
    key: known.key,
    step: known.step,
    force: args.has("force"),
    by: `host ${userInfo().username}`.slice(0, 100),
  };
}

/** The server's own program knows its files and tables; it gets the address, because an embedded one has none in the file. */
async function askServer(ask: { server: string; file: string; url: string; order: RollOrder }): Promise<Report> {
  const main = join(import.meta.dirname, "..", "..", "..", ask.server, "src", "roll-main.ts");
  const child = spawn(process.execPath, [main, "--config", resolve(ask.file)], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, TMS_DATABASE_URL: ask.url },
  });
  // A child that ends without reading says so by its line, or by having none.
  child.stdin.on("error", () => undefined);
  child.stdin.end(JSON.stringify(ask.order));
  const line = (await text(child.stdout)).trimEnd().split("\n").at(-1) ?? "";
  const answer = answerSchema.safeParse(jsonOf(line));
  if (!answer.success) throw new AppError("start.process_failed", { process: ask.server }, { cause: answer.error });
  if (!answer.data.ok) throw errorFromCode(answer.data.code, answer.data.details);
  return answer.data;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Told as a process that failed: it said something else.
    return null;
  }
}

function sentencesOf(report: Report): string[] {
  const name = report.key === "ca" ? "CA" : "SSH host key";
  const standing = {
    none: `The ${name} is ${report.present}; nothing rolls over.`,
    announced: `The ${name} ${report.present} serves; ${report.next} is announced.`,
    switched: `The ${name} ${report.next} serves; ${report.present} is still trusted.`,
  }[report.phase];
  const all = report.confirmed + report.waiting.length;
  const told = report.waiting.slice(0, MAX_TOLD).map((one) => {
    const heard = one.lastSeenAt === null ? "" : `, last heard ${one.lastSeenAt}`;
    return `${one.name || one.id} ${WHY[one.why]}${heard}.`;
  });
  return [standing, `${report.confirmed} of ${all} trust ${report.next ?? "it"}.`, ...told];
}
