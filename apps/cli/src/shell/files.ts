import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { AppError } from "@tms/records";

/**
 * Reads a whole file that a person named. It may be a pipe (`<(…)`), whose size nobody knows before: the bound is on
 * what is read.
 *
 * @throws {AppError} `cli.input_unreadable`.
 */
export async function readInput(path: string, limits: { maxBytes: number }): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const part of createReadStream(path)) {
      sizeBytes += (part as Buffer).length;
      if (sizeBytes > limits.maxBytes) throw new AppError("cli.input_unreadable", { path, maxBytes: limits.maxBytes });
      parts.push(part as Buffer);
    }
    return Buffer.concat(parts);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
}

export async function readJsonInput(path: string, limits = { maxBytes: 8_000_000 }): Promise<unknown> {
  const bytes = await readInput(path, limits);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path, reason: "no JSON" }, { cause: error });
  }
}

/** The first line of a file that holds a secret and nothing else. */
export async function readSecret(path: string): Promise<string> {
  const text = (await readInput(path, { maxBytes: 4096 })).toString("utf8").split("\n")[0]?.trim() ?? "";
  if (text === "") throw new AppError("cli.input_unreadable", { path, reason: "empty" });
  return text;
}

/** Writes a new file whole or not at all; never over another one. */
export async function writeNew(path: string, bytes: string | Uint8Array, mode = 0o600): Promise<void> {
  try {
    const file = await open(path, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw new AppError("cli.output_exists", { path });
    throw error;
  }
}

/** Replaces a file whole. */
export async function replaceFile(path: string, bytes: string | Uint8Array, mode = 0o600): Promise<void> {
  // What a crash left of the time before.
  await rm(`${path}.new`, { force: true });
  await writeNew(`${path}.new`, bytes, mode);
  await rename(`${path}.new`, path);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Below a file there is nothing.
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
