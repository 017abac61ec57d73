import { AppError } from "@tms/records";
import { expect, test } from "vitest";
import { createPasswordHasher, createQueue } from "./hash-passwords.ts";

test("a hash is argon2id at the stated cost and opens with its own password only", async () => {
  const hasher = await createPasswordHasher();

  const hash = await hasher.hash("correct horse battery");

  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await hasher.verify(hash, "correct horse battery")).toBe(true);
  expect(await hasher.verify(hash, "correct horse batterz")).toBe(false);
  expect(await hasher.verify(hasher.decoyHash, "correct horse battery")).toBe(false);
});

test("a password of a megabyte costs no hash", async () => {
  const hasher = await createPasswordHasher();

  await expect(hasher.hash("x".repeat(1_000_000))).rejects.toMatchObject({ code: "request.too_large" });
  expect(await hasher.verify(hasher.decoyHash, "x".repeat(1_000_000))).toBe(false);
});

test("two run at once, some wait in order, the rest are refused", async () => {
  const inTurn = createQueue({ atOnce: 2, waiting: 3 });
  const gate = Promise.withResolvers<void>();
  const seen: number[] = [];
  let running = 0;
  let mostRunning = 0;
  const all = Array.from({ length: 8 }, (_, index) =>
    inTurn(async () => {
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await gate.promise;
      seen.push(index);
      running -= 1;
    }),
  );

  gate.resolve();
  const outcomes = await Promise.allSettled(all);

  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(3);
  expect(outcomes.slice(5).every((one) => one.status === "rejected" && one.reason instanceof AppError)).toBe(true);
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(mostRunning).toBe(2);
});

test("a failed one frees its place", async () => {
  const inTurn = createQueue({ atOnce: 1, waiting: 1 });
  await expect(inTurn(() => Promise.reject(new Error("no")))).rejects.toThrow("no");

  await expect(inTurn(async () => "yes")).resolves.toBe("yes");
});
