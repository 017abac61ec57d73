import { AppError } from "@tms/records";
import { makeEd25519, makeRoleFile, NOTHING_SEEN, roleExpiry, signRole, verifyRepository } from "@tms/signing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type CustomerWithKeys,
  customerWithKeys,
  draftOf,
  heldCeremony,
  openPatternWorld,
  type PatternWorld,
  roleFileFor,
  servedMetadata,
  someCase,
} from "./pattern-world.contract.ts";
import { createRefreshTimestamp } from "./publish-online.ts";

const DAY_MS = 86_400_000;

let world: PatternWorld;

beforeAll(async () => {
  world = await openPatternWorld();
});
beforeEach(() => {
  world.issued.splice(0);
  world.queue.refusal = null;
});
afterAll(() => world.close());

async function drafted(customer?: CustomerWithKeys) {
  const keys = customer ?? (await customerWithKeys(world));
  const forCase = someCase();
  const { id, targetPath, digest } = await world.draftPattern(keys.scope, forCase, draftOf(keys.scope, forCase));
  const sign = (roleFile: Buffer) => world.signPattern(keys.scope, { id, version: 1 }, roleFile);
  const fileBy = (...signers: number[]) =>
    roleFileFor(world, { scope: keys.scope, id, signers: keys.experts.filter((_, index) => signers.includes(index)) });
  return { ...keys, keys, id, targetPath, digest, sign, fileBy };
}

function verified({ scope, patternRoot }: CustomerWithKeys, files: ReadonlyMap<string, Buffer>) {
  const pin = { patternRoot, customer: scope.customer };
  return verifyRepository(pin, files, { now: world.clock.now(), highest: NOTHING_SEEN });
}

describe("the last signature that the role demands", () => {
  test("publishes a repository that an agent verifies from its root, and tells it once", async () => {
    const { keys, scope, id, targetPath, digest, sign, fileBy } = await drafted();

    const states = [await sign(await fileBy(0)), await sign(await fileBy(0, 1))];

    const { targets } = verified(keys, await servedMetadata(world, scope));
    expect(states).toEqual(["waits-for-second-signature", "issued"]);
    expect(targets.find(({ path }) => path === targetPath)).toMatchObject({ sha256: digest, role: "custom-act" });
    expect(world.issued).toEqual([{ customer: scope.customer, pattern: id, version: 1 }]);
    expect(await world.repositories.target(scope, targetPath)).toMatchObject({ sha256: digest });
  });

  test("publishes nothing at all if nobody can be told, and may come again", async () => {
    const { scope, id, sign, fileBy } = await drafted();
    const before = await servedMetadata(world, scope);
    const roleFile = await fileBy(0, 1);
    world.queue.refusal = new AppError("store.unavailable", {});

    await expect(sign(roleFile)).rejects.toMatchObject({ code: "store.unavailable" });
    const meanwhile = await servedMetadata(world, scope);
    const stands = await world.store.find(scope, id, 1);
    world.queue.refusal = null;
    const again = await sign(roleFile);

    expect(meanwhile).toEqual(before);
    expect(stands).toMatchObject({ state: "waits-for-first-signature", signatures: [], proposed: null });
    expect(again).toBe("issued");
  });
});

test("of two experts who sign the same file at once one is counted, the other is told to sign what stands", async () => {
  const { scope, id, sign, fileBy } = await drafted();
  const files = [await fileBy(0), await fileBy(1)];

  const results = await Promise.allSettled(files.map(sign));

  const refused = results.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(1);
  expect(refused).toMatchObject([{ code: "pattern.signature_missing" }]);
  expect((await world.store.find(scope, id, 1))?.signatures).toHaveLength(1);
});

test("a draft whose check failed is never signed", async () => {
  const keys = await customerWithKeys(world);
  const forCase = someCase();
  const draft = draftOf(keys.scope, forCase);
  const failed = { ...draft, check: { ...draft.check, ok: false } };
  const { id } = await world.draftPattern(keys.scope, forCase, failed);
  const roleFile = await roleFileFor(world, { scope: keys.scope, id, signers: keys.experts });

  const signing = world.signPattern(keys.scope, { id, version: 1 }, roleFile);

  await expect(signing).rejects.toMatchObject({ code: "pattern.state_wrong" });
});

describe("a role file that says another thing than what is in force and this one pattern", () => {
  const other = { path: "custom-act/CP-other.json", bytes: Buffer.from("other bytes") };
  const terms = (version: number) => ({
    version,
    signedAt: world.clock.now(),
    expires: roleExpiry(world.clock.now()),
  });

  /** A customer with one pattern in force (version 2 of the role) and a second one that waits. */
  async function second() {
    const first = await drafted();
    await first.sign(await first.fileBy(0, 1));
    const next = await drafted(first.keys);
    const bytes = (await world.store.find(next.scope, next.id, 1))?.bytes ?? Buffer.alloc(0);
    const firstBytes = (await world.store.find(first.scope, first.id, 1))?.bytes ?? Buffer.alloc(0);
    const own = { path: next.targetPath, bytes };
    return { ...next, own, kept: { path: first.targetPath, bytes: firstBytes } };
  }
  type Second = Awaited<ReturnType<typeof second>>;

  test.each<[string, (at: Second) => Buffer, string]>([
    ["adds a second target", ({ own, kept }) => makeRoleFile([kept, own, other], terms(3)), "pattern.metadata_invalid"],
    ["drops the one in force", ({ own }) => makeRoleFile([own], terms(3)), "pattern.metadata_invalid"],
    [
      "changes the one in force",
      ({ own, kept }) => makeRoleFile([{ ...kept, bytes: other.bytes }, own], terms(3)),
      "pattern.metadata_invalid",
    ],
    [
      "names other bytes than the draft's",
      ({ own, kept }) => makeRoleFile([kept, { ...own, bytes: other.bytes }], terms(3)),
      "pattern.metadata_invalid",
    ],
    ["leaves a version out", ({ own, kept }) => makeRoleFile([kept, own], terms(4)), "pattern.metadata_invalid"],
    ["repeats a version", ({ own, kept }) => makeRoleFile([kept, own], terms(2)), "pattern.metadata_rolled_back"],
  ])("%s: is refused though both experts signed it", async (_what, make, code) => {
    const at = await second();
    const before = await servedMetadata(world, at.scope);
    const roleFile = at.experts.slice(0, 2).reduce((file, { key }) => signRole(file, key.privatePkcs8Pem), make(at));

    await expect(at.sign(roleFile)).rejects.toMatchObject({ code });

    expect(await servedMetadata(world, at.scope)).toEqual(before);
    expect((await world.store.find(at.scope, at.id, 1))?.signatures).toEqual([]);
  });
});

describe("freshness", () => {
  test("is renewed only when it is due, and verifies after the old one has ended", async () => {
    const keys = await customerWithKeys(world);
    const refresh = createRefreshTimestamp({ repositories: world.repositories, now: () => world.clock.now() });

    const atOnce = await refresh(keys.scope);
    world.clock.advance(5 * DAY_MS);
    const late = await refresh(keys.scope);
    world.clock.advance(4 * DAY_MS);

    expect([atOnce, late]).toEqual([false, true]);
    expect(verified(keys, await servedMetadata(world, keys.scope)).targets).toHaveLength(1);
  });

  test("never puts other bytes under a version that was published", async () => {
    const { scope } = await customerWithKeys(world);
    const published = await servedMetadata(world, scope);

    await world.repositories.locked(scope, async (tx) => {
      for (const name of published.keys()) await tx.putMetadata(name, Buffer.from("other bytes"));
    });

    const changed = [...(await servedMetadata(world, scope))].filter(
      ([name, bytes]) => !published.get(name)?.equals(bytes),
    );
    expect(changed.map(([name]) => name)).toEqual(["timestamp.json"]);
  });
});

describe("a key ceremony's bundle opens no repository", () => {
  type Held = ReturnType<typeof heldCeremony>;
  const path = "regular/RP-regular.json";

  test.each<[string, (held: Held) => unknown]>([
    ["with a target's bytes exchanged", ({ bundle }) => bundle.targets.set(path, Buffer.from("other"))],
    ["with a target missing", ({ bundle }) => bundle.targets.delete(path)],
    ["for another customer than its root names", (held) => Object.assign(held.bundle, { customer: stranger() })],
    [
      "with a role that one of two signed",
      ({ bundle, experts }) => {
        const terms = { version: 1, signedAt: world.clock.now(), expires: roleExpiry(world.clock.now()) };
        const half = signRole(makeRoleFile([], terms), experts[0]?.key.privatePkcs8Pem ?? "");
        bundle.metadata.set("1.custom-act.json", half);
      },
    ],
    [
      "with online keys that its root does not name",
      ({ bundle }) => Object.assign(bundle.onlineKeys, { timestamp: makeEd25519().privatePkcs8Pem }),
    ],
    ["without a root", ({ bundle }) => bundle.metadata.delete("1.root.json")],
  ])("%s", async (_what, spoil) => {
    const held = heldCeremony(world.clock.now());
    spoil(held);
    const scope = { customer: held.bundle.customer.id };

    await expect(world.openRepository(scope, held.bundle)).rejects.toMatchObject({ code: "customer.keys_invalid" });

    expect(await world.repositories.state(scope)).toBeNull();
  });

  function stranger() {
    return heldCeremony(world.clock.now()).bundle.customer;
  }
});
