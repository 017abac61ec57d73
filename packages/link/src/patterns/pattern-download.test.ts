import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { describe, expect, test } from "vitest";
import type { PatternFetch } from "./index.ts";
import { codeOf, keysOf, mirrorOf, repository } from "./test-mirror.contract.ts";

describe("a download that ends in the middle", () => {
  const PATH = "custom-act/CP-1.json";

  /** The line breaks after so many bytes, once. */
  async function interrupted(afterBytes: number) {
    const repo = repository();
    repo.issue(PATH, "a pattern of forty-two bytes, more or less", keysOf(repo));
    repo.publish(2);
    const thin: PatternFetch = {
      ...repo.fetch,
      nextSlice: () => Promise.resolve(10),
      target: (path, range) =>
        range.from >= afterBytes
          ? Promise.reject(new AppError("link.unreachable", {}))
          : repo.fetch.target(path, range),
    };
    const { mirror, directory } = await mirrorOf({ ...repo, fetch: thin });
    await mirror.refresh();
    const code = await codeOf(mirror.target(PATH));
    repo.asked.length = 0;
    // Another process, after a kill.
    const again = await mirrorOf(repo, { directory });
    return { repo, code, directory, mirror: again.mirror };
  }

  test("goes on at the byte where it ended", async () => {
    const { repo, code, mirror } = await interrupted(20);

    const bytes = await mirror.target(PATH);

    expect(code).toBe("link.unreachable");
    expect(bytes.toString()).toBe("a pattern of forty-two bytes, more or less");
    expect(repo.asked.filter((one) => one.startsWith(PATH))).toEqual([`${PATH} 20`]);
  });

  test("whose start was torn on the disk is fetched whole, in the same call", async () => {
    const { repo, directory, mirror } = await interrupted(20);
    const targets = join(directory, "targets");
    const [part = ""] = (await readdir(targets)).filter((name) => name.endsWith(".part"));
    await writeFile(join(targets, part), "zeroes after a power cut");

    const bytes = await mirror.target(PATH);

    expect(bytes.toString()).toBe("a pattern of forty-two bytes, more or less");
    expect(repo.asked.filter((one) => one.startsWith(PATH)).at(-1)).toBe(`${PATH} 0`);
    expect((await readdir(targets)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("whose bytes are wrong from the start is refused and leaves nothing behind", async () => {
    const { repo, directory, mirror } = await interrupted(20);
    repo.bodies.set(PATH, Buffer.from("x".repeat(42)));

    const code = await codeOf(mirror.target(PATH));

    expect(code).toBe("pattern.digest_mismatch");
    expect((await readdir(join(directory, "targets"))).filter((name) => name.endsWith(".part"))).toEqual([]);
  });
});
