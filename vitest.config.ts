import { createHash } from "node:crypto";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Random order, but the files that take a minute or more before all others: one that comes last would run beside an
 * idle core. The seed is printed on failure, and `--sequence.seed` gives the same order again.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const random = (file: TestSpecification) => createHash("sha1").update(`${seed} ${file.moduleId}`).digest("hex");
    const isLong = (file: TestSpecification) => /\/tests\/(e2e|chaos)\//.test(file.moduleId);
    return files.toSorted(
      (one, other) => Number(isLong(other)) - Number(isLong(one)) || random(one).localeCompare(random(other)),
    );
  }
}

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Two cores; each file in a process of its own, because native engines and stores live in them.
    pool: "forks",
    maxWorkers: 2,
    sequence: { shuffle: { files: true, tests: true }, sequencer: LongestFirst },
    // Bounds for a hang, never for an assertion: no test waits for time to pass.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["dot"],
  },
});
