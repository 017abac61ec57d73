import fc from "fast-check";
import { expect, test } from "vitest";
import { pathBytes, pathText, shortText } from "./path-text.ts";

test.each([
  ["plain names", Buffer.from("/tmp/übung 文"), "/tmp/übung 文"],
  ["bytes that are not UTF-8", Buffer.from([0x2f, 0xff, 0xfe, 0x61]), "/\\xff\\xfea"],
  ["newlines and terminal escapes", Buffer.from("a\n\u001b[31m"), "a\\x0a\\x1b[31m"],
  ["marks that turn the direction of text", Buffer.from("a\u202etxt.exe"), "a\\u{202e}txt.exe"],
  ["a backslash, so that nothing can pose as an escape", Buffer.from("a\\x41"), "a\\\\x41"],
  ["overlong forms and surrogates", Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80]), "\\xc0\\xaf\\xed\\xa0\\x80"],
])("shows %s", (_, bytes, text) => {
  expect(pathText(bytes)).toBe(text);
});

test("turns any bytes into safe text and back into the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const text = pathText(bytes);

      expect(Buffer.from(bytes).equals(pathBytes(text))).toBe(true);
      expect(text).not.toMatch(/\p{C}/u);
    }),
  );
});

test("cuts long text visibly", () => {
  expect(shortText("a".repeat(5000))).toMatch(/a… \(5000 characters\)$/);
  expect(shortText("short")).toBe("short");
});
