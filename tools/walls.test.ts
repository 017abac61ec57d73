import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { checkWalls, WALL_NAMES } from "./walls.ts";

const NODE_MODULES = join(dirname(dirname(fileURLToPath(import.meta.url))), "node_modules");

// One violation for every wall: the files that plant it.
const PLANTED: Record<string, Record<string, string>> = {
  ...packageWall("records", "contracts"),
  ...packageWall("contracts", "signing"),
  ...packageWall("signing", "patterns"),
  ...packageWall("root-cause", "signing"),
  ...packageWall("patterns", "link"),
  ...packageWall("scan-engine", "link"),
  ...packageWall("link", "patterns"),
  ...packageWall("embedded-stores", "server-kit"),
  ...packageWall("server-kit", "link"),
  ...packageWall("console-kit", "link"),
  ...packageWall("testkit", "patterns"),
  ...appWall("agent", "server-kit"),
  ...appWall("mitigator", "console-kit"),
  ...appWall("portal", "console-kit"),
  ...appWall("cli", "console-kit"),
  ...appWall("portal-console", "link"),
  ...appWall("mitigator-console", "link"),
  "no-cycles": {
    "packages/records/src/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;',
    "packages/records/src/b.ts": 'import { a } from "./a.ts";\nexport const b = () => a;',
  },
  "no-unresolvable": { "packages/records/src/a.ts": 'import { gone } from "./gone.ts";\nexport const a = gone;' },
  "packages-know-no-app": {
    "packages/link/src/a.ts": 'import { x } from "../../../apps/portal/src/x.ts";\nexport const a = x;',
    "apps/portal/src/x.ts": "export const x = 1;",
  },
  "apps-know-no-app": {
    "apps/cli/src/a.ts": 'import { x } from "../../portal/src/x.ts";\nexport const a = x;',
    "apps/portal/src/x.ts": "export const x = 1;",
  },
  "slices-meet-at-the-door": {
    "apps/portal/src/cases/a.ts": 'import { x } from "../heartbeats/inner.ts";\nexport const a = x;',
    "apps/portal/src/heartbeats/inner.ts": "export const x = 1;",
  },
  "only-main-composes": {
    "apps/portal/src/cases/a.ts": 'import { x } from "../app.ts";\nexport const a = x;',
    "apps/portal/src/app.ts": "export const x = 1;",
  },
  "fastify-at-the-edge": {
    "apps/portal/src/cases/a.ts": 'import { fastify } from "fastify";\nexport const a = fastify;',
  },
  "sql-in-stores": { "apps/portal/src/cases/a.ts": 'import { sql } from "kysely";\nexport const a = sql;' },
  "contracts-at-the-edge": {
    "apps/portal/src/cases/a.ts": 'import { x } from "../../../../packages/contracts/src/x.ts";\nexport const a = x;',
    "packages/contracts/src/x.ts": "export const x = 1;",
  },
  "pure-packages-do-no-io": {
    "packages/signing/src/a.ts": 'import { readFileSync } from "node:fs";\nexport const a = readFileSync;',
  },
  "records-and-contracts-know-no-node": {
    "packages/records/src/a.ts": 'import { createHash } from "node:crypto";\nexport const a = createHash;',
  },
  "testkit-in-tests-only": {
    "apps/portal/src/a.ts": 'import { x } from "../../../packages/testkit/src/x.ts";\nexport const a = x;',
    "packages/testkit/src/x.ts": "export const x = 1;",
  },
};

test("every wall has a planted violation", () => {
  expect(Object.keys(PLANTED).sort()).toEqual([...WALL_NAMES].sort());
});

test.each(Object.keys(PLANTED))("the wall %s stops its planted violation", async (wall) => {
  const tree = plant(PLANTED[wall] ?? {});

  const report = await checkWalls(tree);

  expect(report.violations.map((violation) => violation.rule)).toContain(wall);
});

test("looks into `await using` as well", async () => {
  const tree = plant({
    "packages/signing/src/a.ts":
      'export async function a() {\n  await using b = (await import("node:fs")) as never;\n  return b;\n}',
  });

  const report = await checkWalls(tree);

  expect(report.violations.map((violation) => violation.rule)).toEqual(["pure-packages-do-no-io"]);
});

test("a test may use what its code may not", async () => {
  const tree = plant({
    "apps/portal/src/cases/a.test.ts":
      'import { x } from "../../../../packages/testkit/src/x.ts";\nexport const a = x;',
    "packages/testkit/src/x.ts": "export const x = 1;",
  });

  const report = await checkWalls(tree);

  expect(report).toEqual({ modules: 2, violations: [] });
});

function packageWall(from: string, to: string) {
  return crossing(`wall-${from}`, `packages/${from}`, to);
}

function appWall(from: string, to: string) {
  return crossing(`wall-${from}`, `apps/${from}`, to);
}

function crossing(wall: string, from: string, to: string): Record<string, Record<string, string>> {
  return {
    [wall]: {
      [`${from}/src/a.ts`]: `import type { X } from "../../../packages/${to}/src/x.ts";\nexport const a: X = 1;`,
      [`packages/${to}/src/x.ts`]: "export type X = number;",
    },
  };
}

function plant(files: Record<string, string>): string {
  const tree = mkdtempSync(join(tmpdir(), "tms-walls-"));
  onTestFinished(() => rmSync(tree, { recursive: true }));
  for (const folder of ["packages", "apps"]) mkdirSync(join(tree, folder));
  symlinkSync(NODE_MODULES, join(tree, "node_modules"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  return tree;
}
