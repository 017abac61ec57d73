// Everything that can be judged without running the product: format and lint, types, walls, frozen conversations,
// console build, dead links.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildConsoles } from "./build-consoles.ts";
import { deadLinksOf } from "./dead-links.ts";
import { frozenProblems } from "./frozen.ts";
import { staleReferencePages } from "./reference-docs.ts";
import { checkReferences } from "./references.ts";
import { checkUnusedDependencies } from "./unused-dependencies.ts";
import { checkWalls } from "./walls.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Fewer modules than this means that the parser read nothing, not that the house is small. */
const MIN_MODULES = 200;

const steps: [string, () => string[] | Promise<string[]>][] = [
  ["format and lint", () => run(["@biomejs/biome/bin/biome", "ci", "--colors=off", "--error-on-warnings", "."])],
  ["types", () => run(["typescript/bin/tsc", "-b"])],
  ["references", () => checkReferences(root)],
  ["dependencies", () => checkUnusedDependencies(root)],
  ["walls", walls],
  ["frozen conversations", () => frozenProblems(root)],
  ["consoles", consoles],
  ["reference pages", () => staleReferencePages(root)],
  ["links in docs", deadLinks],
];

let failed = 0;
for (const [name, check] of steps) {
  const startedAt = performance.now();
  const problems = await check();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${problems.length === 0 ? "ok    " : "failed"} ${name} (${seconds} s)\n`);
  for (const problem of problems) process.stdout.write(`       ${problem}\n`);
  failed += problems.length === 0 ? 0 : 1;
}
process.exit(failed === 0 ? 0 : 1);

function run([script = "", ...args]: string[]): string[] {
  const result = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    encoding: "utf8",
  });
  return result.status === 0 ? [] : `${result.stdout}${result.stderr}`.trim().split("\n");
}

async function walls(): Promise<string[]> {
  const { modules, violations } = await checkWalls(root);
  if (modules < MIN_MODULES) return [`only ${modules} modules were read: the walls judged nothing`];
  return violations.map(({ rule, from, to }) => `${rule}: ${from} imports ${to}`);
}

function consoles(): string[] {
  buildConsoles();
  return [];
}

function deadLinks(): string[] {
  const pages = globSync("{*.md,docs/**/*.md,packages/*/*.md,bench/*.md,changes/*.md,tests/*/*.md}", { cwd: root });
  return pages.flatMap((page) => deadLinksOf(root, page, readFileSync(join(root, page), "utf8")));
}
