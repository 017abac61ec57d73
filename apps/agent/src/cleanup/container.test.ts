import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { afterEach, expect, test } from "vitest";
import { openContainer, sealContainer } from "./container.ts";
import { sha256Hex } from "./object-state.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function sealed(content: Buffer) {
  const folder = mkdtempSync(join(tmpdir(), "tms-container-"));
  folders.push(folder);
  const host = randomBytes(32);
  const file = join(folder, "one.tmsq");
  writeFileSync(join(folder, "plain"), content);
  const before = {
    ...{ dev: "1", ino: "2", mode: 0o644, uid: 0, gid: 0, sizeBytes: content.length, atimeNs: "0", mtimeNs: "0" },
    sha256: sha256Hex(content),
  };
  const header = { item: "one", path: "L3g=", before, detection: "r", quarantinedAt: "2026-01-01T00:00:00Z" };
  const fd = openSync(join(folder, "plain"), "r");
  sealContainer(fd, file, { host, header });
  closeSync(fd);
  return { file, host, header };
}

function opened(file: string, host: Buffer): Buffer {
  const parts: Buffer[] = [];
  openContainer(file, host, (plain) => void parts.push(Buffer.from(plain)));
  return Buffer.concat(parts);
}

test.each([0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])("gives back %i bytes and the header", (size) => {
  const content = randomBytes(size);

  const { file, host, header } = sealed(content);

  expect(opened(file, host).equals(content)).toBe(true);
  expect(openContainer(file, host, () => undefined)).toEqual(header);
});

test("refuses every kind of damage, a truncation at a frame's border too, and another host's key", () => {
  const { file, host } = sealed(randomBytes(2_500_000));
  const whole = readFileSync(file);
  const frame = 1024 * 1024 + 20;
  const damaged = [
    ...[0, 6, 12, 60, 400, 1_500_000, whole.length - 1].map((at) => flipped(whole, at)),
    ...[0, 8, whole.length - 1, whole.length - 500_000, whole.length - frame].map((length) =>
      whole.subarray(0, length),
    ),
  ];

  for (const bytes of damaged) {
    writeFileSync(file, bytes);
    expect(() => opened(file, host)).toThrow(AppError);
    expect(() => opened(file, host)).toThrow(expect.objectContaining({ code: "quarantine.damaged" }));
  }
  writeFileSync(file, whole);
  expect(() => opened(file, randomBytes(32))).toThrow(expect.objectContaining({ code: "quarantine.damaged" }));
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
