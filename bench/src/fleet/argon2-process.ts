import { hash, verify } from "@node-rs/argon2";

// The peer: the bare hash, two at once, in a process of its own. @see packages/server-kit/src/access/hash-passwords.ts

const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const AT_ONCE = 2;
const PASSWORD = "a password of the usual length";

process.on("message", async (seconds: number) => {
  const known = await hash(PASSWORD, COST);
  const began = performance.now();
  let done = 0;
  const work = async () => {
    while (performance.now() - began < seconds * 1000) {
      if (!(await verify(known, PASSWORD))) throw new Error("the hash does not verify");
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  process.send?.(done / ((performance.now() - began) / 1000));
});
