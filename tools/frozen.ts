import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** SHA-256 of each released version's `SHA256SUMS`. A line is added with a version; none is ever changed. */
const SEALS: Readonly<Record<string, string>> = {
  "1.0": "5539a5b42b7ea6e5b800e1f9bf27806bc6d123b27284bf6d77aa7d44da137464",
};

const LOCK = "SHA256SUMS";
const CURE =
  "What a released version says and hears never changes, because it runs in the field: undo this. " +
  "A new version gets a folder of its own (tests/frozen/README.md).";

/**
 * Problems with the recorded conversations of released versions, one line each: files that were edited, added or removed.
 *
 * @param root Absolute path of the tree's root.
 */
export function frozenProblems(root: string, seals = SEALS): string[] {
  const frozen = join(root, "tests", "frozen");
  const folders = readdirSync(frozen, { withFileTypes: true }).filter((one) => one.isDirectory());
  const problems = [
    ...folders.filter(({ name }) => !(name in seals)).map(({ name }) => `tests/frozen/${name} has no seal`),
    ...Object.entries(seals).flatMap(([version, seal]) => problemsOf(frozen, version, seal)),
  ];
  return problems.map((problem) => `${problem}. ${CURE}`);
}

function problemsOf(frozen: string, version: string, seal: string): string[] {
  const folder = join(frozen, version);
  const at = `tests/frozen/${version}`;
  if (!existsSync(join(folder, LOCK))) return [`${at}/${LOCK} was removed`];
  const lock = readFileSync(join(folder, LOCK));
  const broken = digestOf(lock) === seal ? [] : [`${at}/${LOCK} was edited`];
  const locked = new Map(
    lock
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1))
    .filter((name) => name !== LOCK);
  return [
    ...broken,
    ...there.filter((name) => !locked.has(name)).map((name) => `${at}/${name} was added`),
    ...[...locked.keys()].filter((name) => !there.includes(name)).map((name) => `${at}/${name} was removed`),
    ...there
      .filter((name) => locked.has(name) && locked.get(name) !== digestOf(readFileSync(join(folder, name))))
      .map((name) => `${at}/${name} was edited`),
  ];
}

function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
