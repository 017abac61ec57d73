import { type CustomerId, newId, type Sha256 } from "@tms/records";
import { expect, test } from "vitest";
import { pinsOf } from "./pins.ts";

const TOKEN = {
  customer: newId<CustomerId>(),
  patternRoot: "a".repeat(64) as Sha256,
  consentKey: "key",
  recoveryRecipient: null,
  caPin: "b".repeat(64) as Sha256,
  addresses: [{ host: "127.0.0.1", port: 9443 }],
  allow: ["scan" as const],
  tokenId: "one",
};

test("a later token may change where and what is allowed, and keeps the installation's id", () => {
  const first = pinsOf(TOKEN, null);

  const second = pinsOf({ ...TOKEN, allow: ["cleanup"], tokenId: "two", addresses: [{ host: "::1", port: 1 }] }, first);

  expect(second).toMatchObject({ instanceId: first.instanceId, allow: ["cleanup"], tokenId: "two" });
});

test.each([
  ["customer", { customer: newId<CustomerId>() }],
  ["pattern root", { patternRoot: "c".repeat(64) as Sha256 }],
  ["consent key", { consentKey: "another" }],
  ["recovery recipient", { recoveryRecipient: "age1another" }],
])("a later token never changes the pinned %s", (_, change) => {
  const first = pinsOf(TOKEN, null);

  expect(() => pinsOf({ ...TOKEN, ...change }, first)).toThrow(expect.objectContaining({ code: "link.pin_mismatch" }));
});
