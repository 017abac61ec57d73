import { newId, type ProductId } from "@tms/records";
import { expect, test } from "vitest";
import { createNewsWaiters } from "./wait-for-news.ts";

test("a waiter is released by news for its own product only", async () => {
  const waiters = createNewsWaiters();
  const [own, other] = [newId<ProductId>(), newId<ProductId>()];
  const released: string[] = [];
  const waitOwn = waiters.wait(own, new AbortController().signal).then(() => released.push("own"));
  const waitOther = waiters.wait(other, new AbortController().signal).then(() => released.push("other"));

  waiters.wake(own);
  await waitOwn;
  const afterFirst = [...released];
  waiters.close();
  await waitOther;

  expect(afterFirst).toEqual(["own"]);
  expect(released).toEqual(["own", "other"]);
});

test("a caller that hangs up is released", async () => {
  const waiters = createNewsWaiters();
  const caller = new AbortController();
  const wait = waiters.wait(newId<ProductId>(), caller.signal);

  caller.abort();

  await expect(wait).resolves.toBeUndefined();
});

test("nobody waits once the server closes", async () => {
  const waiters = createNewsWaiters();

  waiters.close();

  await expect(waiters.wait(newId<ProductId>(), new AbortController().signal)).resolves.toBeUndefined();
});
