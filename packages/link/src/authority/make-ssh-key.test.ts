import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { makeSshKey } from "./make-ssh-key.ts";

test("gives only keys that can be read back", () => {
  const keys = Array.from({ length: 400 }, () => makeSshKey());

  expect(keys.filter((key) => ssh2.utils.parseKey(key) instanceof Error)).toEqual([]);
});

test("throws away a malformed key, and does not try for ever", () => {
  const good = makeSshKey();
  const offered = ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", good];

  expect(makeSshKey(() => offered.shift() ?? "")).toBe(good);
  expect(() => makeSshKey(() => "")).toThrow("no SSH key could be made");
});
