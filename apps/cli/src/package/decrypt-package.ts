import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { AppError, type Sha256 } from "@tms/records";
import { Decrypter } from "age-encryption";
import { PACKAGE_LIMITS } from "./package-limits.ts";

/**
 * Opens an age file into a plain one. Plain text flows before age can know of a truncation, so it goes to a temporary
 * file, which gets its name only after the whole stream has verified.
 *
 * @returns SHA-256 and size of the plain file.
 * @throws {AppError} `package.unreadable`, `package.too_large`.
 */
export async function decryptPackage(
  encrypted: string,
  identity: string,
  plain: string,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const temporary = `${plain}.partial`;
  try {
    const result = await keepStream(await openAge(encrypted, identity), temporary);
    await rename(temporary, plain);
    return result;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("package.unreadable", { encrypted }, { cause: error });
  }
}

async function openAge(encrypted: string, identity: string): Promise<AsyncIterable<Uint8Array>> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const source = Readable.toWeb(createReadStream(encrypted)) as ReadableStream<Uint8Array>;
  return decrypter.decrypt(source);
}

/** Writes a stream to a new file, hashing it, within the package bound; of a stream that breaks off nothing stays. */
export async function keepStream(
  source: AsyncIterable<Uint8Array>,
  path: string,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of source) {
      sizeBytes += chunk.length;
      if (sizeBytes > PACKAGE_LIMITS.maxTotalBytes) throw new AppError("package.too_large", { path, sizeBytes });
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { sha256: hash.digest("hex") as Sha256, sizeBytes };
}
