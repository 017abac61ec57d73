import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { runCommand } from "../run-command.ts";

const opened: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
});

const io = { say: () => undefined, now: () => new Date(), signal: new AbortController().signal };
const hashOf = (fields: unknown[]) => createHash("sha256").update(JSON.stringify(fields)).digest("hex");

function custody(count: number) {
  let previous: string | null = null;
  return Array.from({ length: count }, (_, index) => {
    const entry = { at: `2026-11-24T08:00:0${index}.000Z`, who: "anna", action: "downloaded", detail: `${index}` };
    previous = hashOf([previous, entry.at, entry.who, entry.action, entry.detail]);
    return { ...entry, hash: previous };
  });
}

function audit(count: number) {
  let previous = "0".repeat(64);
  return Array.from({ length: count }, (_, index) => {
    const entry = {
      number: index + 1,
      id: `i${index}`,
      at: "2026-11-24T08:00:00.000Z",
      actor: "a",
      action: "b",
      subject: "c",
      customer: null,
      detail: "{}",
    };
    const { number, id, at, actor, action, subject, customer, detail } = entry;
    const hash = hashOf([previous, number, id, at, actor, action, subject, customer, detail]);
    const whole = { ...entry, previous, hash };
    previous = hash;
    return whole;
  });
}

async function verify(text: string, ...more: string[]) {
  const directory = await mkdtemp(join(tmpdir(), "verify-"));
  opened.push(directory);
  const file = join(directory, "log.json");
  await writeFile(file, text);
  return runCommand(["verify", file, ...more], io);
}

const lines = (entries: unknown[]) => entries.map((entry) => JSON.stringify(entry)).join("\n");
const headOf = (entries: { hash: string }[]) => entries.at(-1)?.hash ?? "";

test.each([
  ["custody", custody(4), JSON.stringify({ custody: custody(4) })],
  ["audit", audit(4), lines(audit(4))],
])("finds a whole %s log true only against a head that was kept elsewhere", async (kind, entries, text) => {
  const pinned = await verify(text, "--expect-head", headOf(entries));
  const unpinned = await verify(text);

  expect(pinned).toMatchObject({
    exit: 0,
    line: { schema: "tms.verify/1", ok: true, kind, records: 4, firstBad: null },
  });
  expect(unpinned).toMatchObject({ exit: 3, line: { ok: false, code: "verify.root_missing" } });
});

test.each([
  ["custody", custody(4)],
  ["audit", audit(4)],
])("finds a cut tail of a %s log, a dropped entry and a changed one", async (_kind, entries) => {
  const head = headOf(entries);
  const changed = entries.map((entry, index) => (index === 2 ? { ...entry, detail: "changed" } : entry));

  const cut = await verify(JSON.stringify(entries.slice(0, 3)), "--expect-head", head);
  const dropped = await verify(JSON.stringify(entries.toSpliced(1, 1)), "--expect-head", head);
  const bent = await verify(JSON.stringify(changed), "--expect-head", head);

  expect(cut).toMatchObject({ exit: 1, line: { ok: false, firstBad: { index: 3 } } });
  expect(dropped).toMatchObject({ exit: 1, line: { ok: false, firstBad: { index: 1 } } });
  expect(bent).toMatchObject({ exit: 1, line: { ok: false, firstBad: { index: 2, code: "verify.chain_broken" } } });
});

test("does not judge what it does not know, and says so", async () => {
  expect(await verify("{}")).toMatchObject({ exit: 3, line: { ok: false, code: "verify.kind_unknown" } });
  expect(await verify("not json")).toMatchObject({ exit: 3, line: { code: "verify.kind_unknown" } });
  expect(await runCommand(["verify", "/nonexistent"], io)).toMatchObject({
    exit: 2,
    line: { code: "cli.input_unreadable" },
  });
  expect(await runCommand(["verify"], io)).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
});
