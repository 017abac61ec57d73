import { AppError, type Epoch, type ProductId } from "@tms/records";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  equalSecret,
  keyIdOf,
  makeEd25519,
  openSigned,
  positionText,
  sealBytes,
  signBytes,
  verifyBytes,
} from "./index.ts";

const key = makeEd25519();

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

test("gives back exactly the bytes that were sealed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const opened = openSigned(sealBytes(key.privatePkcs8Pem, bytes), key.publicSpki);

      expect(opened.equals(Buffer.from(bytes))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("refuses changed bytes, a changed signature, a foreign key and a foreign key under the trusted id", () => {
  const signed = sealBytes(key.privatePkcs8Pem, Buffer.from("consent"));
  const other = makeEd25519();
  const byOther = sealBytes(other.privatePkcs8Pem, Buffer.from("consent"));
  const attacks = [
    { ...signed, bytes: Buffer.from("Consent").toString("base64") },
    { ...signed, signature: Buffer.alloc(64).toString("base64") },
    { ...signed, signature: "" },
    byOther,
    { ...byOther, keyId: signed.keyId },
  ];

  const codes = attacks.map((attack) => codeOf(() => openSigned(attack, key.publicSpki, "consent.invalid")));

  expect(codes).toEqual(attacks.map(() => "consent.invalid"));
});

test("verifies nothing with bytes that are no Ed25519 key", () => {
  const signature = signBytes(key.privatePkcs8Pem, Buffer.from("x"));

  expect(verifyBytes(Buffer.from("no key"), Buffer.from("x"), signature)).toBe(false);
  expect(verifyBytes(key.publicSpki, Buffer.from("x"), signature)).toBe(true);
  expect(verifyBytes(key.publicSpki, Buffer.from("x"), signature.subarray(1))).toBe(false);
});

test("names a key by the hash of its public half", () => {
  expect(key.keyId).toBe(keyIdOf(key.publicSpki));
  expect(key.keyId).toMatch(/^[0-9a-f]{64}$/);
});

test("compares secrets of any lengths", () => {
  expect(equalSecret("abc", Buffer.from("abc"))).toBe(true);
  expect(equalSecret("abc", "abd")).toBe(false);
  expect(equalSecret("abc", "abcd")).toBe(false);
  expect(equalSecret("", "")).toBe(true);
});

test("says a position the same way for ever", () => {
  const text = positionText({
    product: "p" as ProductId,
    stream: "threat-events",
    epoch: "e" as Epoch,
    sealedTo: 12,
    head: null,
  });

  expect(text).toBe("tms.position/1\nproduct p\nstream threat-events\nepoch e\nsealedTo 12\nhead -\n");
});
