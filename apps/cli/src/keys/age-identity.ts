import { AppError } from "@tms/records";
import { readInput, readSecret } from "../shell/files.ts";
import { openKey, parseKeyFile } from "./key-file.ts";

/**
 * Reads an age identity: our encrypted key file, or a plain file as `age-keygen` writes it.
 *
 * @throws {AppError} `keys.unreadable`, `keys.passphrase_wrong`, `cli.usage` if a passphrase is needed and was not named.
 */
export async function readAgeIdentity(path: string, passphraseFile: string | undefined): Promise<string> {
  const text = (await readInput(path, { maxBytes: 64 * 1024 })).toString("utf8");
  if (!text.trimStart().startsWith("{")) return plainIdentity(text, path);
  const file = parseKeyFile(parseJson(text, path), path);
  if (file.kind !== "age") throw new AppError("keys.unreadable", { path, kind: file.kind });
  if (passphraseFile === undefined) throw new AppError("cli.usage", { missing: "--passphrase-file" });
  return (await openKey(file, await readSecret(passphraseFile))).secret;
}

function plainIdentity(text: string, path: string): string {
  const line = text.split("\n").find((candidate) => candidate.startsWith("AGE-SECRET-KEY-"));
  if (line === undefined) throw new AppError("keys.unreadable", { path });
  return line.trim();
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError("keys.unreadable", { path }, { cause: error });
  }
}
