import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Installation, installationSchema } from "@tms/contracts";
import { AppError, errorFromCode } from "@tms/records";
import { z } from "zod";

export const INSTALLED = ["portal", "mitigator", "agent"] as const;
export type InstalledName = (typeof INSTALLED)[number];

/** A server's own schema reads a page of text; anything longer hangs. */
const READ_WITHIN_MS = 30_000;
const MAX_LINE_BYTES = 4 * 1024 * 1024;

const failureSchema = z.object({ code: z.string(), details: z.record(z.string(), z.unknown()) });

/**
 * Asks a server's own program what its configuration means on this machine; the environment counts as it does there.
 *
 * @throws {AppError} `cli.input_unreadable` without the file, `start.config_invalid` as the server itself would say.
 */
export async function readInstallation(name: InstalledName, file: string): Promise<Installation> {
  const path = resolve(file);
  try {
    await access(path);
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
  const main = join(import.meta.dirname, "..", "..", "..", name, "src", "installation-main.ts");
  const line = await lastLineOf([main, "--config", path]);
  const installation = installationSchema.safeParse(line);
  if (installation.success) return installation.data;
  const failure = failureSchema.safeParse(line);
  if (failure.success) throw errorFromCode(failure.data.code, failure.data.details);
  throw new AppError("start.process_failed", { process: name }, { cause: installation.error });
}

function lastLineOf(argv: string[]): Promise<unknown> {
  return new Promise((done, fail) => {
    const limits = { timeout: READ_WITHIN_MS, maxBuffer: MAX_LINE_BYTES };
    execFile(process.execPath, argv, limits, (error, stdout) => {
      try {
        // A configuration at fault ends with 2 and its line: the line is what counts.
        done(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""));
      } catch (cause) {
        fail(new AppError("start.process_failed", { program: argv[0] }, { cause: error ?? cause }));
      }
    });
  });
}
