import {
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
} from "node:fs/promises";
import type { Disk, DiskFile } from "./disk.ts";

/** Readable by the owning account alone. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
const FLAGS = { read: "r", overwrite: "w", create: "wx+" } as const;

/** The disk of this machine. */
export const nodeDisk: Disk = {
  makeDirectory: (path) => mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY }),
  list: (path) => readdir(path),
  read: (path) => readFile(path),
  async stat(path) {
    const { size, mtime } = await stat(path);
    return { sizeBytes: size, modifiedAt: mtime };
  },
  open: async (path, how) => fileOf(await open(path, FLAGS[how], PRIVATE_FILE)),
  copy: (from, to) => copyFile(from, to),
  truncate: (path, sizeBytes) => truncate(path, sizeBytes),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  setModified: (path, at) => utimes(path, at, at),
  async syncDirectory(path) {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

function fileOf(handle: FileHandle): DiskFile {
  return {
    async readStart(maxBytes) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
      return buffer.subarray(0, bytesRead);
    },
    async write(bytes, at) {
      let written = 0;
      // A disk that is nearly full takes a part; the rest then fails with its reason.
      while (written < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, at + written);
        written += bytesWritten;
      }
    },
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}
