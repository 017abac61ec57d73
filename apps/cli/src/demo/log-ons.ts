import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

type LogOns = Record<string, Record<string, string>>;

/** The demo's log-ons: random, made once, kept in `log-ons.json` (0600) of the installation. */
export async function rememberedPassword(directory: string, where: string, userName: string): Promise<string> {
  const logOns = await readLogOns(directory);
  const known = logOns[where]?.[userName];
  if (known !== undefined) return known;
  const password = randomBytes(15).toString("base64url");
  const next = { ...logOns, [where]: { ...logOns[where], [userName]: password } };
  await writeFile(fileOf(directory), `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
  return password;
}

/** Keeps a password that somebody else made (the portal's registration password). */
export async function rememberPassword(
  directory: string,
  where: string,
  logOn: { userName: string; password: string },
): Promise<void> {
  const logOns = await readLogOns(directory);
  const next = { ...logOns, [where]: { ...logOns[where], [logOn.userName]: logOn.password } };
  await writeFile(fileOf(directory), `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
}

export async function readLogOns(directory: string): Promise<LogOns> {
  try {
    return JSON.parse(await readFile(fileOf(directory), "utf8")) as LogOns;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

function fileOf(directory: string): string {
  return join(directory, "log-ons.json");
}
