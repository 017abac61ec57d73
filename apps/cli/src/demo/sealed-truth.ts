import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

/**
 * The planter's record of what it did, where no product process can read it: the products may run under the same
 * account, so a file mode would not keep them out; the key never leaves this process.
 */
export function createSealedTruth(file: string) {
  const key = randomBytes(32);
  return {
    write: async (truth: object) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const body = Buffer.concat([cipher.update(JSON.stringify(truth)), cipher.final()]);
      await writeFile(file, Buffer.concat([nonce, cipher.getAuthTag(), body]), { mode: 0o600 });
    },
    read: async <T>(): Promise<T> => {
      const bytes = await readFile(file);
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8")) as T;
    },
  };
}

export type SealedTruth = ReturnType<typeof createSealedTruth>;
