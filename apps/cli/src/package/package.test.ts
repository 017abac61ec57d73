import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeTar } from "@tms/link";
import { AppError, newId, type Sha256 } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { expect, onTestFinished, test, vi } from "vitest";
import { decryptPackage, keepStream } from "./decrypt-package.ts";
import { withPackage } from "./open-package.ts";
import { unpackPackage } from "./unpack-package.ts";

// What a compromised endpoint may have written, and what a line may have cut.

interface Part {
  name: string;
  bytes: Buffer;
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "package-test-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function itemOf({ name, bytes }: Part): Record<string, unknown> {
  return { name, kind: "file", asked: "/srv/x", got: "whole", sizeBytes: bytes.length, sha256: sha256Of(bytes) };
}

const ITEMS: Part[] = [
  { name: "items/0001", bytes: Buffer.from("first item") },
  { name: "items/0002", bytes: Buffer.alloc(200_000, 7) },
];

function manifestOf(items: Record<string, unknown>[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schema: "tms.package/1",
      id: newId(),
      case: newId(),
      customer: newId(),
      endpoint: newId(),
      host: "ep-1",
      threats: [newId()],
      collectedAt: "2026-11-24T08:00:00.000Z",
      agentVersion: "1.0.0",
      items,
    }),
  );
}

/** The archive of a package; a change says what it holds or what its manifest claims instead. */
async function archiveOf(
  change: { items?: Part[]; manifest?: Buffer; signature?: Buffer | null } = {},
): Promise<Buffer> {
  const signature = change.signature === undefined ? Buffer.from("c2lnbmF0dXJl") : change.signature;
  const parts: Part[] = [
    { name: "manifest.json", bytes: change.manifest ?? manifestOf(ITEMS.map(itemOf)) },
    ...(signature === null ? [] : [{ name: "manifest.sig", bytes: signature }]),
    ...(change.items ?? ITEMS),
  ];
  const inputs = parts.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length, content: [bytes] }));
  return Buffer.concat(await Array.fromAsync(writeTar(inputs)));
}

async function encryptedFor(plain: Buffer) {
  const identity = await generateIdentity();
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  return { identity, encrypted: Buffer.from(await encrypter.encrypt(plain)) };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );
}

async function unpacked(archive: Buffer) {
  const directory = await scratch();
  const file = join(directory, "package.tar");
  await writeFile(file, archive);
  const out = join(directory, "out");
  await mkdir(out);
  const code = await codeOf(unpackPackage(file, out));
  return { code, left: await readdir(out), beside: await readdir(directory) };
}

test("a package that is what its manifest says is unpacked whole", async () => {
  const { code, left } = await unpacked(await archiveOf());

  expect([code, left.sort()]).toEqual([null, ["items", "manifest.json", "manifest.sig"]]);
});

test.each<[string, Parameters<typeof archiveOf>[0], string]>([
  [
    "an item that the manifest does not name",
    { items: [...ITEMS, { name: "items/0003", bytes: Buffer.from("extra") }] },
    "package.hash_mismatch",
  ],
  ["a missing item", { items: ITEMS.slice(0, 1) }, "package.hash_mismatch"],
  [
    "an item with other bytes of the same length",
    { items: [{ name: "items/0001", bytes: Buffer.from("other item") }, ...ITEMS.slice(1)] },
    "package.hash_mismatch",
  ],
  [
    "a lying size",
    { manifest: manifestOf(ITEMS.map((item) => ({ ...itemOf(item), sizeBytes: 1 }))) },
    "package.hash_mismatch",
  ],
  ["a manifest that is no JSON", { manifest: Buffer.from("{") }, "package.unreadable"],
  [
    "an item's name that leads out",
    { manifest: manifestOf([{ ...itemOf(ITEMS[0] ?? { name: "", bytes: Buffer.alloc(0) }), name: "items/../../x" }]) },
    "package.unreadable",
  ],
  ["a manifest over its bound", { manifest: Buffer.alloc(8_000_001, 0x20) }, "package.too_large"],
  ["no signature", { signature: null }, "package.unreadable"],
])("%s is refused, and nothing of the package is left", async (_what, change, expected) => {
  const { code, left } = await unpacked(await archiveOf(change));

  expect([code, left]).toEqual([expected, []]);
});

test.each(["/etc/passwd-of-a-test", "../outside", "items/../../outside", "items/0001/x"])(
  "the archive's name %s is refused and writes nothing anywhere",
  async (name) => {
    const { code, left, beside } = await unpacked(renamed(await archiveOf(), name));

    expect([code, left, beside.sort()]).toEqual(["package.name_unsafe", [], ["out", "package.tar"]]);
    expect(existsSync("/etc/passwd-of-a-test")).toBe(false);
  },
);

/** Rewrites the first header's name and checksum, as an attacker would. */
function renamed(archive: Buffer, name: string): Buffer {
  const copy = Buffer.from(archive);
  copy.write(name.padEnd(40, "\0"), 0, "latin1");
  copy.write("        ", 148, "latin1");
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}

test("an age file that was cut, bent or made for another key gives no plain byte a name", async () => {
  const directory = await scratch();
  const { identity, encrypted } = await encryptedFor(Buffer.alloc(200_000, 1));
  const stranger = await generateIdentity();
  const header = encrypted.indexOf("\n---") + 50;
  // 64 KiB of plain text are a chunk of 16 bytes more: a cut at its border leaves nothing but whole chunks.
  const border = encrypted.length - ((200_000 % 65_536) + 16);
  const bent = Buffer.from(encrypted);
  bent.writeUInt8((bent[encrypted.length - 5] ?? 0) ^ 1, encrypted.length - 5);
  const cases: [Buffer, string][] = [
    ...[0, 10, header, border, encrypted.length - 1].map((at): [Buffer, string] => [
      encrypted.subarray(0, at),
      identity,
    ]),
    [bent, identity],
    [Buffer.concat([encrypted, Buffer.from("x")]), identity],
    [encrypted, stranger],
  ];

  const codes = [];
  for (const [bytes, by] of cases) {
    await writeFile(join(directory, "package.age"), bytes);
    codes.push(await codeOf(decryptPackage(join(directory, "package.age"), by, join(directory, "package.tar"))));
  }

  expect(codes).toEqual(cases.map(() => "package.unreadable"));
  expect(await readdir(directory)).toEqual(["package.age"]);
});

test("of a stream that breaks off nothing is left, and a file that stands there is not touched", async () => {
  const directory = await scratch();
  await writeFile(join(directory, "mine"), "kept");
  const broken = (async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("the first part");
    throw new AppError("link.unreachable", {});
  })();
  const nothing = (async function* (): AsyncGenerator<Uint8Array> {})();

  const cut = await codeOf(keepStream(broken, join(directory, "new")));
  const over = keepStream(nothing, join(directory, "mine"));

  await expect(over).rejects.toMatchObject({ code: "EEXIST" });
  expect(cut).toBe("link.unreachable");
  expect(await readdir(directory)).toEqual(["mine"]);
  expect(await readFile(join(directory, "mine"), "utf8")).toBe("kept");
});

test("an encrypted package leaves nothing plain on the disk, whether the work with it succeeds or fails", async () => {
  const directory = await scratch();
  vi.stubEnv("TMPDIR", directory);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { identity, encrypted } = await encryptedFor(await archiveOf());
  const file = join(directory, "package.age");
  await writeFile(file, encrypted);
  const open = <T>(work: (sha256: Sha256) => T) =>
    withPackage(
      file,
      async () => identity,
      async (opened) => work(sha256Of(await readFile(join(opened.directory, "items", "0001")))),
    );

  const seen = await open((sha256) => sha256);
  const failed = await codeOf(
    open(() => {
      throw new AppError("package.case_differs", {});
    }),
  );

  expect([seen, failed]).toEqual([sha256Of(ITEMS[0]?.bytes ?? ""), "package.case_differs"]);
  expect(await readdir(directory)).toEqual(["package.age"]);
});
