import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { AppError } from "@tms/records";
import { z } from "zod";

const absolute = z.string().max(4096).startsWith("/");

const configSchema = z.strictObject({
  dataDir: absolute,
  /** Needed for the first start only. */
  token: z.string().max(16_384).optional(),
  /** The endpoint's own name for itself. */
  host: z.string().min(1).max(255).optional(),
  /** Cleanups touch nothing outside; null = the whole machine but for the protected list. */
  sandbox: z.strictObject({ root: absolute }).nullable(),
  watch: z.array(absolute).min(1).max(64),
  crontabs: z.array(absolute).max(64),
  pollMs: z.int().min(20).max(60_000).default(200),
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
