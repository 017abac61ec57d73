import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFolderWatcher } from "./folder-watcher.ts";

test("hints at a file in a folder that appeared together with its parents", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tms-watch-"));
  const deep = join(folder, "a/b/c/d");
  const hints = { count: 0, waiting: [] as (() => void)[] };
  const problems: unknown[] = [];
  const watcher = createFolderWatcher({
    onHint: () => {
      hints.count += 1;
      for (const tell of hints.waiting.splice(0)) tell();
    },
    onLoss: (_, error) => problems.push(error),
    onProblem: (error) => problems.push(error),
  });
  onTestFinished(async () => {
    await watcher.stop();
    rmSync(folder, { recursive: true });
  });
  const nextHint = () => new Promise<void>((tell) => hints.waiting.push(tell));
  await watcher.watch(folder, { ignore: [] });

  // Two hints: the first folder appears, then the tree is subscribed anew. Only then the deep folder is seen at all.
  const appeared = nextHint();
  mkdirSync(deep, { recursive: true });
  await appeared;
  await nextHint();
  const written = nextHint();
  writeFileSync(join(deep, "f"), "x");
  await written;

  expect(problems).toEqual([]);
  expect(hints.count).toBeGreaterThanOrEqual(3);
});
