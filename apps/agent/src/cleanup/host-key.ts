import { randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { codeOf } from "./anchored.ts";

const KEY_BYTES = 32;

/** The key that wraps the keys of quarantine containers: made once, 0600, never in a backup. */
export function openHostKey(file: string): Buffer {
  try {
    const key = randomBytes(KEY_BYTES);
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      writeSync(fd, key);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return key;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return readFileSync(file);
  }
}
