import { expect, onTestFinished, test } from "vitest";
import { startWorkerLoop } from "./worker-loop.ts";

/** A loop whose passes a test lets go one by one; only wakes make it run again within the test's time. */
function heldLoop() {
  const passes: PromiseWithResolvers<void>[] = [];
  const errors: unknown[] = [];
  let begun = Promise.withResolvers<void>();
  const loop = startWorkerLoop({
    everyMs: 3_600_000,
    async run(signal) {
      const pass = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => pass.resolve(), { once: true });
      passes.push(pass);
      begun.resolve();
      begun = Promise.withResolvers();
      await pass.promise;
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => loop.stop());
  return { loop, passes, errors, nextBegins: () => begun.promise };
}

test("however many hints come while a pass runs, one pass follows it", async () => {
  const { loop, passes, nextBegins } = heldLoop();
  for (let hint = 0; hint < 256; hint += 1) loop.wake();

  const second = nextBegins();
  passes[0]?.resolve();
  await second;
  passes[1]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));

  expect(passes).toHaveLength(2);
});

test("a wake between two passes begins the next at once, and stopping ends one that runs", async () => {
  const { loop, passes, nextBegins, errors } = heldLoop();
  passes[0]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  const second = nextBegins();

  loop.wake();
  await second;
  await loop.stop();

  expect(passes).toHaveLength(2);
  expect(errors).toEqual([]);
});
