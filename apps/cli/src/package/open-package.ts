import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { decryptPackage } from "./decrypt-package.ts";
import { readUnpacked, type UnpackedPackage, unpackPackage } from "./unpack-package.ts";

/**
 * Opens a package wherever it stands: a folder that `tms case export` wrote, its plain archive, or the encrypted file.
 *
 * @param identity Asked for only when the file is encrypted.
 */
export async function withPackage<T>(
  path: string,
  identity: () => Promise<string>,
  work: (opened: UnpackedPackage) => Promise<T>,
): Promise<T> {
  if (await isDirectory(path)) return work(await readUnpacked(path));
  const scratch = await mkdtemp(join(tmpdir(), "tms-package-"));
  try {
    const plain = (await isEncrypted(path)) ? join(scratch, "package.tar") : path;
    if (plain !== path) await decryptPackage(path, await identity(), plain);
    return await work(await unpackPackage(plain, scratch));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
}

const AGE_MAGIC = "age-encryption.org/v1";

async function isEncrypted(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(AGE_MAGIC.length), 0, AGE_MAGIC.length, 0);
    return buffer.toString("latin1", 0, bytesRead) === AGE_MAGIC;
  } finally {
    await file.close();
  }
}
