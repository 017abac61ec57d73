import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type CustomerId, newId } from "@tms/records";
import { makeEd25519, makeRoleFile, makeRoot, roleExpiry, signRole } from "@tms/signing";
import { expect, test } from "vitest";
import type { PatternFetch } from "./index.ts";
import { AT, codeOf, DAY_MS, keysOf, mirrorOf, repository } from "./test-mirror.contract.ts";

test("takes the first state from the pinned root and gives a target's verified bytes", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo);

  const { changed, targets } = await mirror.refresh();
  const bytes = await mirror.target("regular/RP-regular.json");

  expect(changed).toBe(true);
  expect(targets.map((target) => [target.path, target.role])).toEqual([["regular/RP-regular.json", "regular"]]);
  expect(bytes.toString()).toBe("regular");
});

test("asks twice when nothing changed, and fetches a new pattern with its role alone", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo);
  await mirror.refresh();
  repo.asked.length = 0;

  const quiet = await mirror.refresh();
  const askedWhenQuiet = [...repo.asked];
  repo.issue("custom-act/CP-1.json", "pattern", keysOf(repo));
  repo.publish(2);
  const news = await mirror.refresh();

  expect(quiet.changed).toBe(false);
  expect(askedWhenQuiet).toEqual(["2.root.json", "timestamp.json"]);
  expect(news.changed).toBe(true);
  expect(news.targets.map((target) => target.path)).toContain("custom-act/CP-1.json");
});

test("verifies from disk without a connection, long after the metadata went stale", async () => {
  const repo = repository();
  const { mirror, directory } = await mirrorOf(repo);
  await mirror.refresh();
  await mirror.target("regular/RP-regular.json");
  const away: PatternFetch = {
    metadata: () => Promise.reject(new AppError("link.unreachable", {})),
    target: () => Promise.reject(new AppError("link.unreachable", {})),
    nextSlice: () => Promise.resolve(1),
  };
  const later = { ...repo, fetch: away };

  const { mirror: offline } = await mirrorOf(later, { directory, now: new Date(AT.getTime() + 60 * DAY_MS) });
  const targets = await offline.currentTargets();
  const bytes = await offline.target("regular/RP-regular.json");

  expect(targets).toHaveLength(1);
  expect(bytes.toString()).toBe("regular");
  expect(await codeOf(offline.refresh())).toBe("link.unreachable");
});

test("serves the hop below the files of its state, and a second mirror verifies through the first", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo);
  await mirror.refresh();
  const fetch: PatternFetch = {
    metadata: mirror.metadataFile,
    target: async (path, { from, to }) => (await mirror.target(path)).subarray(from, to),
    nextSlice: async () => 4,
  };
  const below = { ...repo, fetch };

  const { mirror: agent } = await mirrorOf(below);
  const { targets } = await agent.refresh();

  expect(targets).toHaveLength(1);
  expect(await mirror.metadataFile("2.root.json")).toBeNull();
  expect(await mirror.metadataFile("../highest.json")).toBeNull();
  expect(await mirror.metadataFile("highest.json")).toBeNull();
});

test("refuses a repository that begins at another root", async () => {
  const repo = repository();
  const stranger = repository();
  const { mirror } = await mirrorOf({ ...repo, fetch: stranger.fetch });

  expect(await codeOf(mirror.refresh())).toBe("pattern.root_differs");
});

test("follows a root that the one before signed, and never goes back behind it", async () => {
  const repo = repository();
  const { mirror, directory } = await mirrorOf(repo);
  const renewed = [...repo.offline.slice(0, 2), makeEd25519()];
  const next = makeRoot(
    { id: repo.customer, name: "Example" },
    {
      offline: renewed.map((key) => key.publicSpki),
      snapshot: repo.online.snapshot.publicSpki,
      timestamp: repo.online.timestamp.publicSpki,
    },
    { version: 2, signedAt: AT, expires: roleExpiry(AT) },
  );
  repo.served.set(
    "2.root.json",
    repo.offline.slice(0, 2).reduce((file, key) => signRole(file, key.privatePkcs8Pem), next),
  );
  await mirror.refresh();
  repo.served.delete("2.root.json");
  await rm(join(directory, "current"), { recursive: true });

  const { mirror: restarted } = await mirrorOf(repo, { directory });
  const rolledBack = await codeOf(restarted.refresh());

  expect(await mirror.metadataFile("2.root.json")).not.toBeNull();
  expect(rolledBack).toBe("pattern.metadata_rolled_back");
});

test("refuses a next root that too few of the keys before it signed", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo);
  const usurpers = [makeEd25519(), makeEd25519(), makeEd25519()];
  const next = makeRoot(
    { id: repo.customer, name: "Example" },
    {
      offline: usurpers.map((key) => key.publicSpki),
      snapshot: repo.online.snapshot.publicSpki,
      timestamp: repo.online.timestamp.publicSpki,
    },
    { version: 2, signedAt: AT, expires: roleExpiry(AT) },
  );
  const signers = [...usurpers, ...repo.offline.slice(0, 1)];
  repo.served.set(
    "2.root.json",
    signers.reduce((file, key) => signRole(file, key.privatePkcs8Pem), next),
  );

  expect(await codeOf(mirror.refresh())).toBe("pattern.metadata_invalid");
});

test("refuses the pinned root of another customer", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf({ ...repo, customer: newId<CustomerId>() });

  expect(await codeOf(mirror.refresh())).toBe("pattern.customer_differs");
});

test("refuses an older state, even when its own metadata was lost from the disk", async () => {
  const repo = repository();
  const old = new Map(repo.served);
  const { mirror, directory } = await mirrorOf(repo);
  repo.issue("custom-act/CP-1.json", "pattern", keysOf(repo));
  repo.publish(2);
  await mirror.refresh();
  for (const [name, bytes] of old) repo.served.set(name, bytes);
  await Promise.all(
    (await readdir(directory))
      .filter((name) => name.startsWith("generation-") || name === "current")
      .map((name) => rm(join(directory, name), { recursive: true })),
  );

  const { mirror: restarted } = await mirrorOf(repo, { directory });

  expect(await codeOf(mirror.refresh())).toBe("pattern.metadata_rolled_back");
  expect(await codeOf(restarted.refresh())).toBe("pattern.metadata_rolled_back");
});

test("refuses online keys that drop a pattern by listing an older role file", async () => {
  const repo = repository();
  const before = repo.roles.get("custom-act") ?? Buffer.alloc(0);
  const { mirror } = await mirrorOf(repo);
  repo.issue("custom-act/CP-1.json", "pattern", keysOf(repo));
  repo.publish(2);
  await mirror.refresh();
  repo.roles.set("custom-act", before);
  repo.publish(3);

  expect(await codeOf(mirror.refresh())).toBe("pattern.metadata_rolled_back");
  expect((await mirror.currentTargets()).map((target) => target.path)).toContain("custom-act/CP-1.json");
});

test("refuses a role file with one of two signatures, and one signed by the portal's own keys", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo);
  const [anna] = keysOf(repo);
  if (anna === undefined) throw new Error("no expert");

  repo.issue("custom-act/CP-1.json", "pattern", [anna]);
  repo.publish(2);
  const half = await codeOf(mirror.refresh());
  repo.issue("custom-act/CP-1.json", "pattern", [anna, repo.online.snapshot]);
  repo.publish(3);
  const foreign = await codeOf(mirror.refresh());

  expect([half, foreign]).toEqual(["pattern.signature_missing", "pattern.key_foreign"]);
});

test("refuses expired metadata by the clock it was given", async () => {
  const repo = repository();
  const { mirror } = await mirrorOf(repo, { now: new Date(AT.getTime() + 8 * DAY_MS) });

  expect(await codeOf(mirror.refresh())).toBe("pattern.metadata_expired");
});

test("does not believe a clock that was set back behind what people signed", async () => {
  const repo = repository();
  const { mirror, directory } = await mirrorOf(repo);
  const later = new Date(AT.getTime() + 30 * DAY_MS);
  const next = makeRoleFile([], { version: 2, signedAt: later, expires: roleExpiry(later) });
  repo.roles.set(
    "custom-act",
    keysOf(repo).reduce((file, key) => signRole(file, key.privatePkcs8Pem), next),
  );
  repo.publish(2);
  await mirror.refresh();
  repo.publish(3);

  const { mirror: setBack } = await mirrorOf(repo, { directory, now: AT });

  expect(await codeOf(setBack.refresh())).toBe("pattern.metadata_expired");
});

test("refuses a target whose bytes were exchanged, above or on its own disk", async () => {
  const repo = repository();
  const { mirror, directory } = await mirrorOf(repo);
  await mirror.refresh();
  const [target] = await mirror.currentTargets();
  if (target === undefined) throw new Error("no target");

  repo.bodies.set(target.path, Buffer.from("regulaR"));
  const exchanged = await codeOf(mirror.target(target.path));
  repo.bodies.set(target.path, Buffer.from("regular"));
  await writeFile(join(directory, "targets", target.sha256), "regulaR");
  const mended = await mirror.target(target.path);

  expect(exchanged).toBe("pattern.digest_mismatch");
  expect(mended.toString()).toBe("regular");
  expect(await codeOf(mirror.target("custom-act/CP-none.json"))).toBe("pattern.unknown");
});

test("drops and counts a damaged state on disk, then fetches it anew", async () => {
  const repo = repository();
  const { mirror, directory } = await mirrorOf(repo);
  await mirror.refresh();
  await writeFile(join(directory, "current", "1.root.json"), "{");

  const { mirror: restarted } = await mirrorOf(repo, { directory });
  const before = await restarted.currentTargets();
  const { targets } = await restarted.refresh();

  expect(before).toEqual([]);
  expect(restarted.damagedStates()).toBe(1);
  expect(targets).toHaveLength(1);
});

test("tells a broken line from an attack", async () => {
  const repo = repository();
  const broken: PatternFetch = {
    ...repo.fetch,
    metadata: (name) =>
      name.endsWith("snapshot.json") ? Promise.reject(new AppError("link.timeout", {})) : repo.fetch.metadata(name),
  };
  const { mirror } = await mirrorOf({ ...repo, fetch: broken });

  expect(await codeOf(mirror.refresh())).toBe("link.timeout");
});
