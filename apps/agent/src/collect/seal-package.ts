import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { syncDirectory, type TarInput, writeTar } from "@tms/link";
import type { Sha256 } from "@tms/records";
import { Encrypter } from "age-encryption";

/**
 * Writes tar → age into `file`, which appears whole or not at all.
 *
 * @returns Hash and size of the encrypted bytes.
 */
export async function sealPackage(
  file: string,
  entries: readonly TarInput[],
  recipients: readonly string[],
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const plain = Readable.toWeb(Readable.from(writeTar(entries))) as ReadableStream<Uint8Array>;
  const sealed = await encrypter.encrypt(plain);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const part = `${file}.part`;
  await rm(part, { force: true });
  await pipeline(Readable.fromWeb(sealed as never), measure, createWriteStream(part, { flags: "wx", mode: 0o600 }));
  const handle = await open(part, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
  await syncDirectory(dirname(file));
  return { sha256: hash.digest("hex") as Sha256, sizeBytes };
}
