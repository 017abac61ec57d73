import fc from "fast-check";
import { expect, test } from "vitest";
import { escapeForeign, escapeForeignText } from "./escape-foreign.ts";
import { fitPath, middleTruncate } from "./middle-truncate.ts";
import { plainFact } from "./plain-fact.ts";

test.each([
  ["a\u202Eb", "a\\u{202E}b"],
  ["bell\u0007", "bell\\u{7}"],
  ["two\nlines\tand\r", "two\\nlines\\tand\\r"],
  ["zero\u200Bwidth", "zero\\u{200B}width"],
  ["<b>&amp;", "<b>&amp;"],
  ["日本 é 👩", "日本 é 👩"],
])("escapes what would change the reading of %j and nothing else", (text, shown) => {
  const drawn = escapeForeignText(text);

  expect(drawn).toBe(shown);
});

test("no text leaves with a control, format or private character in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const drawn = escapeForeign(text);

      expect(drawn.map((piece) => piece.text).join("")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/u);
    }),
  );
});

test.each([
  ["hash", "9b41c07e11112222333344445d20fa86", "9b41c07e…5d20fa86"],
  ["fingerprint", "SHA256:51ce0998abf2c77da7f210", "SHA256:51ce09…a7f210"],
  ["path", "/home/u142/.local/share/deep/upd/upd-helper", "/home/u142/…/upd/upd-helper"],
  ["path", "/usr/bin/short", "/usr/bin/short"],
  ["command", "fetch-tool --quiet https://203.0.113.77/upd-helper", "fetch-tool --quiet https…7/upd-helper"],
] as const)("shortens a %s in its middle", (kind, text, shown) => {
  const drawn = middleTruncate(text, kind);

  expect(drawn).toBe(shown);
});

test("a path that has to fit keeps its first part and as many of its last as there is room for", () => {
  expect(fitPath("/home/u/.cache", 31)).toBe("/home/u/.cache");
  expect(fitPath("/tmp/data/sandbox/agent-a/var/tmp/build", 31)).toBe("/tmp/…/agent-a/var/tmp/build");
  expect(fitPath("/tmp/data/sandbox/agent-a/var/tmp/build", 12)).toBe("/tmp/…/build");
});

test("a server's sentence keeps its words and shortens its hashes", () => {
  const hash = `b4bd9cdd${"0".repeat(48)}288a3eaf`;

  expect(plainFact(`86330 bytes announced, SHA-256 ${hash}`)).toBe("86,330 bytes announced, SHA-256 b4bd9cdd…288a3eaf");
  expect(plainFact(`Host key SHA256:EYw5+f${"x".repeat(31)}CJymnU, as pinned`)).toBe(
    "Host key SHA256:EYw5+f…CJymnU, as pinned",
  );
  expect(plainFact("127.0.0.1 port 8444")).toBe("127.0.0.1 port 8444");
});
