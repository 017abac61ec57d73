import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSecretBox } from "./create-secret-box.ts";

async function withDirectory() {
  const directory = await mkdtemp(join(tmpdir(), "tms-secrets-"));
  return {
    keyFile: join(directory, "keys", "secret.key"),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

const UNREADABLE = expect.objectContaining({ code: "secret.unreadable" });

test("opens what it sealed, also after a restart, and the key file is private", async () => {
  await using place = await withDirectory();
  const sealed = createSecretBox(place).seal("hunter2 ü", "settings.password/1");

  const reopened = createSecretBox(place);

  expect(reopened.open(sealed, "settings.password/1")).toBe("hunter2 ü");
  expect((await stat(place.keyFile)).mode & 0o777).toBe(0o600);
});

test("sealing twice gives two values", async () => {
  await using place = await withDirectory();
  const box = createSecretBox(place);

  expect(box.seal("same", "place")).not.toBe(box.seal("same", "place"));
});

test("a value does not open in another place", async () => {
  await using place = await withDirectory();
  const box = createSecretBox(place);
  const sealed = box.seal("hunter2", "customers.password/customer-1");

  expect(() => box.open(sealed, "customers.password/customer-2")).toThrow(UNREADABLE);
});

test("a value does not open with another key, and its message does not hold it", async () => {
  await using place = await withDirectory();
  await using other = await withDirectory();
  const sealed = createSecretBox(place).seal("hunter2", "a");

  expect(() => createSecretBox(other).open(sealed, "a")).toThrow(UNREADABLE);
});

test("no changed character opens", async () => {
  await using place = await withDirectory();
  const box = createSecretBox(place);
  const sealed = box.seal("hunter2", "a");

  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.constantFrom("A", "B", ".", "-", "0"), (at, letter) => {
      const changed = sealed.slice(0, at) + letter + sealed.slice(at + 1);
      // The last base64url character holds spare bits; a change of those alone is no change of the bytes.
      fc.pre(changed !== sealed && at < sealed.length - 1);
      expect(() => box.open(changed, "a")).toThrow(UNREADABLE);
    }),
  );
});

test("cut, empty and foreign texts are refused", async () => {
  await using place = await withDirectory();
  const box = createSecretBox(place);
  const sealed = box.seal("hunter2", "a");

  for (const text of ["", "s1", "s1..", sealed.slice(0, -8), `${sealed}.x`, "plain text", `s0${sealed.slice(2)}`]) {
    expect(() => box.open(text, "a")).toThrow(UNREADABLE);
  }
});

test("a key file that holds no key refuses the start", async () => {
  await using place = await withDirectory();
  createSecretBox(place);
  await writeFile(place.keyFile, "too short");

  expect(() => createSecretBox(place)).toThrow(expect.objectContaining({ code: "start.config_invalid" }));
});
