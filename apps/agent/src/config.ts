import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { AppError } from "@tms/records";
import { z } from "zod";

const absolute = z.string().max(4096).startsWith("/");

/** `agent.json`. Its descriptions are the reference: docs/reference/settings.md is made from them. */
export const configSchema = z.strictObject({
  dataDir: absolute.describe("Identity, spool, pattern mirror, journal and quarantine; absolute."),
  token: z.string().max(16_384).optional().describe("The enrolment token; needed for the first start only."),
  host: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("The endpoint's own name for itself; without it the machine's host name."),
  sandbox: z
    .strictObject({ root: absolute })
    .nullable()
    .describe("Cleanups touch nothing outside its `root`; null is the whole machine but for the protected list."),
  watch: z.array(absolute).min(1).max(64).describe("Folders that are watched and scanned; each must exist."),
  crontabs: z.array(absolute).max(64).describe("Crontabs that are read for what starts programs; each may come later."),
  pollMs: z.int().min(20).max(60_000).default(200).describe("How often processes are looked at, in milliseconds."),
});

export type AgentConfig = Omit<z.infer<typeof configSchema>, "host" | "token"> & {
  host: string;
  token: string | undefined;
};

/** Reads the one configuration file. @throws {AppError} `start.config_invalid`, naming the key. */
export function readConfig(file: string): AgentConfig {
  const parsed = configSchema.safeParse(readJson(file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const details = { file, key: issue?.path.join("."), why: issue?.message };
    throw new AppError("start.config_invalid", details, { cause: parsed.error });
  }
  for (const folder of [...parsed.data.watch, ...(parsed.data.sandbox === null ? [] : [parsed.data.sandbox.root])]) {
    if (!existsSync(folder))
      throw new AppError("start.config_invalid", { file, key: "watch", why: `${folder} is not there` });
  }
  return { ...parsed.data, host: parsed.data.host ?? hostname().slice(0, 255), token: parsed.data.token };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new AppError("start.config_invalid", { file, why: "it cannot be read as JSON" }, { cause: error });
  }
}
