import { expect, test } from "vitest";
import { parseRecipients } from "./pattern-source.ts";

const RECIPIENT = `age1${"q".repeat(58)}`;
const target = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

test("reads the recipients that two people signed", () => {
  expect(parseRecipients(target({ schema: "tms.recipients/1", recipients: [RECIPIENT] }))).toEqual([RECIPIENT]);
});

test.each([
  ["no JSON", "{"],
  ["no object", "null"],
  ["another schema", { schema: "tms.recipients/2", recipients: [RECIPIENT] }],
  ["nobody", { schema: "tms.recipients/1", recipients: [] }],
  ["a list longer than anybody needs", { schema: "tms.recipients/1", recipients: Array(65).fill(RECIPIENT) }],
  ["an SSH key", { schema: "tms.recipients/1", recipients: ["ssh-ed25519 AAAA"] }],
  ["a line break in a key", { schema: "tms.recipients/1", recipients: [`${RECIPIENT}\nage1`] }],
])("refuses recipients that are %s: nothing is encrypted to them", (_, value) => {
  expect(() => parseRecipients(target(value))).toThrow(expect.objectContaining({ code: "pattern.manifest_malformed" }));
});
