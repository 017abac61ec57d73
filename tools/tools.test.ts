import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { deadLinksOf } from "./dead-links.ts";
import { checkReferences } from "./references.ts";
import { checkUnusedDependencies } from "./unused-dependencies.ts";

test("names a link that leads nowhere, and no other", () => {
  const tree = temporaryTree();
  writeFileSync(join(tree, "there.md"), "");

  const dead = deadLinksOf(tree, "page.md", "[a](there.md#part) [b](gone.md) [c](https://example.com) `[d](code.md)`");

  expect(dead).toEqual(["page.md: gone.md leads nowhere"]);
});

test("names a dependency that the build does not reference", () => {
  const tree = temporaryTree();
  mkdirSync(join(tree, "packages/link"), { recursive: true });
  writeFileSync(
    join(tree, "packages/link/package.json"),
    JSON.stringify({ name: "@tms/link", dependencies: { "@tms/records": "1.0.0" } }),
  );
  writeFileSync(join(tree, "packages/link/tsconfig.json"), JSON.stringify({ references: [{ path: "../signing" }] }));

  const problems = checkReferences(tree);

  expect(problems).toEqual([
    "packages/link: tsconfig does not reference @tms/records",
    "packages/link: package.json does not depend on @tms/signing",
  ]);
});

test("names a dependency that no file of its package names", () => {
  const tree = temporaryTree();
  mkdirSync(join(tree, "packages/link/src"), { recursive: true });
  writeFileSync(
    join(tree, "packages/link/package.json"),
    JSON.stringify({ name: "@tms/link", dependencies: { used: "1.0.0", "@a/font": "1.0.0", "used-not": "1.0.0" } }),
  );
  writeFileSync(join(tree, "packages/link/src/index.ts"), 'import "used";\nconst font = `@a/font/face`;\n');

  expect(checkUnusedDependencies(tree)).toEqual(["packages/link: nothing names its dependency used-not"]);
});

test("npm start builds the consoles that it is about to serve", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    scripts: { start: string };
  };

  const [before, served] = scripts.start.split(" && ");

  expect(before).toBe("node tools/build-consoles.ts");
  expect(served).toContain("exec node apps/cli/src/main.ts demo");
});

function temporaryTree(): string {
  const tree = mkdtempSync(join(tmpdir(), "tms-tools-"));
  onTestFinished(() => rmSync(tree, { recursive: true }));
  return tree;
}
