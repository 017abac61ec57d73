import { constants, zstdCompressSync } from "node:zlib";
import { type Epoch, newId } from "@tms/records";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_LIMITS } from "./batch-limits.ts";
import { BatchScanner } from "./batch-scanner.ts";
import { readBatch } from "./read-batch.ts";
import { type BatchPlace, sealBatch, sealGap, sha256Of } from "./seal-batch.ts";

const PLACE: BatchPlace = { stream: "threat-events", epoch: newId<Epoch>(), first: 0, previous: null };
const WITH_CHECKSUM = { [constants.ZSTD_c_checksumFlag]: 1 };

async function scan(bytes: Buffer, chunkBytes = bytes.length) {
  const scanner = new BatchScanner(BATCH_LIMITS);
  for (let at = 0; at < bytes.length; at += chunkBytes) await scanner.push(bytes.subarray(at, at + chunkBytes));
  return scanner.finish();
}

function withBody(body: Buffer, change: Record<string, unknown> = {}): Buffer {
  const header = { v: 1, ...PLACE, count: 2, plainBytes: 4, ...change };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

const GOOD = zstdCompressSync("a\nb\n", { params: WITH_CHECKSUM });

describe("a body that is not what its header says", () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024), { params: WITH_CHECKSUM });
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0x04, 0, 0, 0, 1, 2, 3, 4]);
  const flipped = Buffer.from(GOOD);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;

  test.each([
    ["trailing bytes", withBody(Buffer.concat([GOOD, Buffer.from("x")]))],
    ["a second frame", withBody(Buffer.concat([GOOD, GOOD]))],
    ["a skippable frame before", withBody(Buffer.concat([skippable, GOOD]))],
    ["a skippable frame after", withBody(Buffer.concat([GOOD, skippable]))],
    ["a frame without checksum", withBody(zstdCompressSync("a\nb\n"))],
    ["a flipped checksum bit", withBody(flipped)],
    ["a bomb behind a small figure", withBody(bomb)],
    ["a bomb behind the largest figure", withBody(bomb, { plainBytes: 16 * 1024 * 1024, count: 1 })],
    ["a lying count", withBody(GOOD, { count: 3 })],
    ["a lying length, too small", withBody(GOOD, { plainBytes: 3 })],
    ["a lying length, too large", withBody(GOOD, { plainBytes: 5 })],
    ["a last line without newline", withBody(zstdCompressSync("a\nbc", { params: WITH_CHECKSUM }))],
    ["no body at all", withBody(Buffer.alloc(0))],
    ["half a frame", withBody(GOOD.subarray(0, 9))],
    ["no frame", withBody(Buffer.from("plain text"))],
  ])("is unreadable: %s", async (_name, bytes) => {
    for (const chunkBytes of [bytes.length, 7]) {
      if (bytes.length / chunkBytes > 10_000) continue;
      const scanned = await scan(bytes, chunkBytes);
      const refused = scanned.problem === "batch.rejected";

      expect(scanned.readable).toBe(false);
      expect(scanned.digest).toBe(sha256Of(bytes));
      expect(refused || scanned.problem === null).toBe(true);
    }
  });
});

describe("a header that is not acceptable", () => {
  test.each([
    ["no newline within 4 KiB", Buffer.alloc(5000, 0x20), "batch.rejected"],
    ["not JSON", Buffer.from("hello\n"), "batch.rejected"],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22, 0x0a]), "batch.rejected"],
    ["another version", withBody(GOOD, { v: 2 }), "batch.rejected"],
    ["an unknown field", withBody(GOOD, { extra: 1 }), "batch.rejected"],
    ["an unknown stream", withBody(GOOD, { stream: "mail" }), "batch.rejected"],
    ["too many records", withBody(GOOD, { count: 10_001 }), "batch.rejected"],
    ["a negative number", withBody(GOOD, { first: -1 }), "batch.rejected"],
    ["numbers past what is exact", withBody(GOOD, { first: Number.MAX_SAFE_INTEGER }), "batch.rejected"],
    ["too many plain bytes", withBody(GOOD, { plainBytes: 16 * 1024 * 1024 + 1 }), "batch.too_large"],
    ["a ratio beyond belief", withBody(GOOD, { plainBytes: 16 * 1024 * 1024 }), "batch.rejected"],
    ["nothing", Buffer.alloc(0), "batch.rejected"],
  ])("is rejected: %s", async (_name, bytes, problem) => {
    const scanned = await scan(bytes);

    expect(scanned.problem).toBe(problem);
    expect(scanned.readable).toBe(false);
  });

  test("is rejected when a gap batch brings a body", async () => {
    const now = "2026-11-24T09:00:00Z";
    const gap = sealGap(PLACE, { count: 5, cause: "spool-full", from: now, to: now, resumes: null });

    const whole = await scan(gap.bytes);
    const more = await scan(Buffer.concat([gap.bytes, GOOD]));

    expect(whole).toMatchObject({ problem: null, readable: true });
    expect(more.problem).toBe("batch.rejected");
  });

  test("is rejected when the batch goes on past the limit", async () => {
    const scanner = new BatchScanner({ ...BATCH_LIMITS, batchBytes: 1000 });
    await scanner.push(sealBatch(PLACE, ["a"]).bytes);
    for (let part = 0; part < 10; part += 1) await scanner.push(Buffer.alloc(500));

    expect((await scanner.finish()).problem).toBe("batch.too_large");
  });
});

test("whatever is sealed is read back the same, in any chunks", async () => {
  const line = fc.string({ maxLength: 300 }).map((text) => JSON.stringify({ text }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 999 }),
      async (lines, chunk) => {
        const sealed = sealBatch(PLACE, lines);

        const scanned = await scan(sealed.bytes, chunk);
        const read = await readBatch(sealed.bytes);

        expect(scanned).toMatchObject({ problem: null, readable: true, digest: sealed.digest, header: sealed.header });
        expect(read.lines).toEqual(lines);
      },
    ),
    { numRuns: 60 },
  );
});

test("no cut and no flipped bit of a body passes for readable", async () => {
  const sealed = sealBatch(PLACE, ['{"a":1}', '{"b":"some longer text to have more than one kind of block"}']);
  const bodyAt = sealed.bytes.indexOf(10) + 1;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: bodyAt, max: sealed.bytes.length - 1 }),
      fc.integer({ min: 0, max: 7 }),
      async (at, bit) => {
        const flipped = Buffer.from(sealed.bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);

        const cut = await scan(sealed.bytes.subarray(0, at));
        const bent = await scan(flipped);

        expect(cut.readable).toBe(false);
        // A flip in a place the format ignores may decode to the very same lines; the digest tells it all the same.
        expect(bent.digest).not.toBe(sealed.digest);
      },
    ),
    { numRuns: 150 },
  );
});

test("refuses to seal more than the limits of the protocol", () => {
  const tooMany = Array.from({ length: 10_001 }, () => "{}");

  expect(() => sealBatch(PLACE, tooMany)).toThrow(expect.objectContaining({ code: "batch.too_large" }));
  expect(() => sealBatch(PLACE, [])).toThrow(expect.objectContaining({ code: "batch.too_large" }));
});
