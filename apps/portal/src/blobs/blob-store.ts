import { createReadStream } from "node:fs";
import { link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { AppError, type CustomerScope } from "@tms/records";

/** Bytes on the file system under `c/<customer>/…`; keys are made here from the scope and server-made ids. */
export interface BlobStore {
  /** Root of all keys; the log intake writes its batches there itself. */
  readonly directory: string;
  /** Writes whole: a temporary file, fsync, rename, fsync of the folder. An existing blob is never replaced. */
  put(scope: CustomerScope, name: string, bytes: Uint8Array): Promise<string>;
  /** Takes a finished file in by a hard link; the caller removes its own name. Taking the same blob twice is no error. */
  adopt(scope: CustomerScope, name: string, file: string): Promise<string>;
  read(scope: CustomerScope, key: string): Promise<Buffer>;
  stream(scope: CustomerScope, key: string): Promise<{ sizeBytes: number; body: Readable }>;
  /** The file of a key, for readers that want to seek. */
  fileOf(scope: CustomerScope, key: string): string;
}

export function createBlobStore(directory: string): BlobStore {
  const root = resolve(directory);

  function keyOf(scope: CustomerScope, name: string): string {
    if (!/^[a-z-]+\/[0-9A-Za-z._-]{1,200}$/.test(name)) throw new AppError("server.internal", { blobName: name });
    return `c/${scope.customer}/${name}`;
  }

  function fileOf(scope: CustomerScope, key: string): string {
    const file = resolve(root, key);
    // A key names its customer: a row that was mixed up cannot open another customer's bytes.
    const isOwn = key.startsWith(`c/${scope.customer}/`) && file.startsWith(join(root, "c", scope.customer) + sep);
    if (!isOwn) throw new AppError("server.internal", { blobKey: key });
    return file;
  }

  return {
    directory: root,
    async put(scope, name, bytes) {
      const key = keyOf(scope, name);
      const file = fileOf(scope, key);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const temporary = `${file}.${crypto.randomUUID()}.part`;
      const handle = await open(temporary, "wx", 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await commit(temporary, file);
      return key;
    },
    async adopt(scope, name, file) {
      const key = keyOf(scope, name);
      const goal = fileOf(scope, key);
      await mkdir(dirname(goal), { recursive: true, mode: 0o700 });
      await link(file, goal).catch((error: unknown) => {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      });
      await syncFolder(dirname(goal));
      return key;
    },
    read: (scope, key) => readFile(fileOf(scope, key)),
    async stream(scope, key) {
      const file = fileOf(scope, key);
      const { size } = await stat(file);
      return { sizeBytes: size, body: createReadStream(file) };
    },
    fileOf,
  };
}

async function commit(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: unknown) => {
    await rm(from, { force: true });
    throw new AppError("start.directory_unwritable", { to }, { cause: error });
  });
  await syncFolder(dirname(to));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
