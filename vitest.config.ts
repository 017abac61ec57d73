import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts", "tools/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Two cores; each file in a process of its own, because native engines and stores live in them.
    pool: "forks",
    maxWorkers: 2,
    sequence: { shuffle: { files: true, tests: true } },
    // Bounds for a hang, never for an assertion: no test waits for time to pass.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["dot"],
  },
});
