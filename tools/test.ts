// Runs every test, lists the skipped ones with their reason and ends with the line `N passed, N failed`.
// `npm test -- packages/link` runs the files whose path holds that text.
import { startVitest, type TestCase, type Vitest } from "vitest/node";
import { buildConsoles } from "./build-consoles.ts";

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
if (filters.length === 0 || filters.some((filter) => filter.includes("tests"))) buildConsoles();
const vitest = await startVitest("test", filters, { watch: false, run: true });
const passed: string[] = [];
const failed: string[] = [];
const skipped: { name: string; reason: string }[] = [];
for (const { name, result } of testsOf(vitest)) {
  if (result.state === "passed") passed.push(name);
  else if (result.state === "failed") failed.push(name);
  else skipped.push({ name, reason: (result.state === "skipped" ? result.note : undefined) ?? "no reason given" });
}
for (const module of vitest.state.getTestModules()) {
  // A file that did not load ran no test; it must not look like success.
  if (module.errors().length > 0) failed.push(`${module.relativeModuleId} did not load`);
}
for (const error of vitest.state.getUnhandledErrors()) failed.push(`unhandled: ${String(error)}`);
await vitest.close();

for (const { name, reason } of skipped) process.stdout.write(`skipped: ${name}: ${reason}\n`);
for (const name of failed) process.stdout.write(`failed: ${name}\n`);
const ok = failed.length === 0 && passed.length > 0;
process.stdout.write(`${passed.length} passed, ${failed.length} failed\n`, () => process.exit(ok ? 0 : 1));

function testsOf(run: Vitest): { name: string; result: ReturnType<TestCase["result"]> }[] {
  return run.state.getTestModules().flatMap((module) =>
    [...module.children.allTests()].map((test) => ({
      name: `${module.relativeModuleId} › ${test.fullName}`,
      result: test.result(),
    })),
  );
}
