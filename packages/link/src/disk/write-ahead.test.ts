import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { DiskFile } from "./disk.ts";
import { nodeDisk } from "./node-disk.ts";
import { WriteAhead } from "./write-ahead.ts";

const CHUNK = Buffer.alloc(300_000, 7);

/** A file of this machine whose disk is full after so many bytes. */
async function fileThatFillsUp(path: string, roomBytes: number): Promise<DiskFile> {
  const file = await nodeDisk.open(path, "create");
  return {
    ...file,
    async write(bytes, at) {
      if (at + bytes.length > roomBytes) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      await file.write(bytes, at);
    },
  };
}

async function newFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-write-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "file");
}

test("writes every chunk once and in order, however far ahead they come", async () => {
  const path = await newFile();
  const ahead = new WriteAhead(await nodeDisk.open(path, "create"));
  const chunks = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100_000, index));

  await Promise.all(chunks.map((chunk) => ahead.write(chunk)));
  await ahead.sync();
  await ahead.close();

  expect((await readFile(path)).equals(Buffer.concat(chunks))).toBe(true);
});

test("a disk that fills up while nobody waits for it fails the sync, and ends no process", async () => {
  const ahead = new WriteAhead(await fileThatFillsUp(await newFile(), 0));

  await ahead.write(CHUNK);
  await new Promise((resolve) => setImmediate(resolve));

  await expect(ahead.sync()).rejects.toMatchObject({ code: "ENOSPC" });
  await ahead.close();
});

test("a disk that fills up stops the one who writes on", async () => {
  const ahead = new WriteAhead(await fileThatFillsUp(await newFile(), CHUNK.length));
  const writing = async () => {
    for (let count = 0; count < 20; count += 1) await ahead.write(CHUNK);
  };

  await expect(writing()).rejects.toMatchObject({ code: "ENOSPC" });
  await ahead.close();
});
