import { AppError, type ErrorCode } from "@tms/records";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readTar, tarSize, writeTar } from "./tar.ts";

const LIMITS = { maxEntries: 100, maxEntryBytes: 1_000_000, maxTotalBytes: 2_000_000 };

interface Plain {
  name: string;
  bytes: Buffer;
}

async function pack(entries: Plain[]): Promise<Buffer> {
  const inputs = entries.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length, content: [bytes] }));
  return Buffer.concat(await Array.fromAsync(writeTar(inputs)));
}

async function unpack(archive: Uint8Array, chunkBytes = 700, limits = LIMITS): Promise<Plain[]> {
  const entries: Plain[] = [];
  for await (const entry of readTar(chunksOf(archive, chunkBytes), limits)) {
    entries.push({ name: entry.name, bytes: Buffer.concat(await Array.fromAsync(entry.content)) });
  }
  return entries;
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

/** Rewrites a field of the first header and its checksum, as an attacker would. */
function bent(archive: Buffer, at: number, text: string): Buffer {
  const copy = Buffer.from(archive);
  copy.write(text, at, "latin1");
  copy.write("        ", 148, "latin1");
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}

test("gives back what was written, however the bytes are cut", async () => {
  const entry = fc.record({ bytes: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)) });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), async (plain, cut) => {
      const entries = plain.map(({ bytes }, index) => ({ name: `items/${String(index + 1).padStart(4, "0")}`, bytes }));

      const archive = await pack(entries);

      expect(archive.length).toBe(tarSize(entries.map(({ bytes }) => bytes.length)));
      expect(await unpack(archive, cut)).toEqual(entries);
    }),
    { numRuns: 60 },
  );
});

test.each(["/etc/passwd", "../x", "items/../../x", "items/1", "items/0001/x", "manifest.json/", "ITEMS/0001"])(
  "refuses the name %s when writing and when reading",
  async (name) => {
    const good = await pack([{ name: "items/0001", bytes: Buffer.from("x") }]);
    const padded = name.padEnd(40, "\0");

    expect(await codeOf(pack([{ name, bytes: Buffer.from("x") }]))).toBe("package.name_unsafe");
    expect(await codeOf(unpack(bent(good, 0, padded)))).toBe("package.name_unsafe");
  },
);

test.each([
  ["a symbolic link", 156, "2"],
  ["a hard link", 156, "1"],
  ["a folder", 156, "5"],
  ["a device", 156, "3"],
  ["a pax extension", 156, "x"],
  ["a GNU long name", 156, "L"],
  ["a link name", 157, "/etc/passwd"],
  ["a name prefix", 345, "/etc"],
])("refuses %s", async (_what, at, text) => {
  const good = await pack([{ name: "items/0001", bytes: Buffer.from("x") }]);

  expect(await codeOf(unpack(bent(good, at, text)))).toBe("package.name_unsafe");
});

test("refuses one name twice", async () => {
  const twice = await pack([
    { name: "items/0001", bytes: Buffer.from("a") },
    { name: "items/0001", bytes: Buffer.from("b") },
  ]);

  expect(await codeOf(unpack(twice))).toBe("package.name_unsafe");
});

test("refuses every truncation, and bytes hidden after the end", async () => {
  const archive = await pack([{ name: "manifest.json", bytes: Buffer.alloc(600, 1) }]);

  for (const length of [0, 1, 511, 512, 900, 1536, archive.length - 512, archive.length - 1]) {
    expect(await codeOf(unpack(archive.subarray(0, length)))).toBe("package.unreadable");
  }
  expect(await codeOf(unpack(Buffer.concat([archive, Buffer.from("hidden")])))).toBe("package.unreadable");
});

test("refuses a flipped header and a size that is no octal number", async () => {
  const archive = await pack([{ name: "manifest.json", bytes: Buffer.from("{}") }]);
  const flipped = Buffer.from(archive);
  flipped.writeUInt8(0x31, 124);

  expect(await codeOf(unpack(flipped))).toBe("package.unreadable");
  expect(await codeOf(unpack(bent(archive, 124, "-0000000001")))).toBe("package.unreadable");
});

test("stops at the bounds: entries, one entry, all together", async () => {
  const three = await pack(["1", "2", "3"].map((n) => ({ name: `items/000${n}`, bytes: Buffer.alloc(1000) })));

  expect(await codeOf(unpack(three, 700, { ...LIMITS, maxEntries: 2 }))).toBe("package.too_large");
  expect(await codeOf(unpack(three, 700, { ...LIMITS, maxEntryBytes: 999 }))).toBe("package.too_large");
  expect(await codeOf(unpack(three, 700, { ...LIMITS, maxTotalBytes: 2999 }))).toBe("package.too_large");
});

test("notices a file that changed its length while it was read", async () => {
  const grown = [{ name: "items/0001", sizeBytes: 2, content: [Buffer.from("abc")] }];
  const shrunk = [{ name: "items/0001", sizeBytes: 4, content: [Buffer.from("abc")] }];

  expect(await codeOf(Array.fromAsync(writeTar(grown)))).toBe("package.unreadable");
  expect(await codeOf(Array.fromAsync(writeTar(shrunk)))).toBe("package.unreadable");
});
