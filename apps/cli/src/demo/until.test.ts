import { expect, test } from "vitest";
import { stopped } from "./until.ts";

test("sees the wish to stop that came before it was asked for", async () => {
  const stop = AbortSignal.abort();

  expect(await stopped(stop)).toBeNull();
});

test("waits for the wish to stop", async () => {
  const controller = new AbortController();
  const ended = stopped(controller.signal);

  controller.abort();

  expect(await ended).toBeNull();
});
