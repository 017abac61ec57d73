import { X509Certificate } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrustAnnouncement } from "@tms/contracts/link";
import { type DirectiveId, newId, systemClock, systemTimers } from "@tms/records";
import {
  createTestCa,
  DyingDisk,
  FakeAgent,
  type FakeAgentOptions,
  FakePortal,
  Killed,
  makeThreatEvent,
} from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { openKeyRoll } from "../authority/key-roll.ts";
import type { Disk } from "../disk/disk.ts";
import { announcedTrust } from "../upper/announce-trust.ts";
import { createTrustUpkeep } from "./keep-trust.ts";
import { KeptIdentity } from "./kept-identity.ts";
import { createLowerKeys } from "./lower-keys.ts";
import { identityInForce, loadIdentity, registerLower, type StoredIdentity, storeIdentity } from "./register-lower.ts";
import { trustOf } from "./trust.ts";

// CA and SSH host key of an upper party roll over under lower parties that are registered, and nobody registers anew.

const STREAM = "threat-events" as const;

type Step = "begin" | "switchOver" | "retire" | "abandon";

/** One step on the disk, and the servers as they are after it. */
async function roll(portal: FakePortal, key: "ca" | "ssh-host-key", step: Step): Promise<void> {
  const directory = join(portal.directory, key === "ca" ? "ca" : "ssh");
  await openKeyRoll(key, { directory, clock: systemClock })[step]();
  await portal.hangUp();
  await portal.listen();
}

/** What the last heartbeat of this product said of its trust. */
function reported(portal: FakePortal) {
  return portal.heartbeats.at(-1)?.trust;
}

async function knows(portal: FakePortal): Promise<void> {
  const { confirmed } = announcedTrust(portal.authority, portal.sshHostKey);
  await portal.until(() => JSON.stringify(reported(portal)) === JSON.stringify(confirmed));
}

async function deliver(portal: FakePortal, agent: FakeAgent, count: number): Promise<void> {
  await agent.spool.append(STREAM, [makeThreatEvent()]);
  await portal.until(() => portal.store.position(agent.identity.product, STREAM)?.next === count);
}

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test.each([
    ["ca", "caPins"],
    ["ssh-host-key", "sshHostKeys"],
  ] as const)("the %s rolls over under a running link, which loses and doubles nothing", async (key, names) => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol, maxWaitSeconds: 1 });
    agent.start();
    await deliver(portal, agent, 1);
    const first = reported(portal)?.[names];

    await roll(portal, key, "begin");
    await knows(portal);
    const both = reported(portal)?.[names];
    await roll(portal, key, "switchOver");
    await deliver(portal, agent, 2);
    await roll(portal, key, "retire");
    await knows(portal);
    await deliver(portal, agent, 3);

    expect(both).toHaveLength(2);
    expect(both?.[0]).toBe(first?.[0]);
    expect(reported(portal)?.[names]).toEqual(both?.slice(1));
    expect(await portal.records(agent.identity.product, STREAM)).toHaveLength(3);
    expect(portal.products.size).toBe(1);
    expect(agent.states.filter(({ phase }) => phase === "refused")).toEqual([]);
  });
});

/** Registered, and asleep during whatever comes. */
async function sleeper(portal: FakePortal, options: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
  const agent = await FakeAgent.create({ portal, maxWaitSeconds: 1, ...options });
  onTestFinished(() => agent.close());
  return agent;
}

async function stored(agent: FakeAgent) {
  const identity = await loadIdentity(agent.keys);
  return identity === null ? null : trustOf(identity);
}

test.each(["ssl", "ssh"] as const)(
  "who slept from the announcement to the switch learns both keys over %s",
  async (protocol) => {
    await using portal = await FakePortal.start();
    const agent = await sleeper(portal, { protocol });
    for (const key of ["ca", "ssh-host-key"] as const) {
      await roll(portal, key, "begin");
      await roll(portal, key, "switchOver");
    }

    agent.start();
    await deliver(portal, agent, 1);
    await knows(portal);

    expect(await portal.records(agent.identity.product, STREAM)).toHaveLength(1);
    expect(await stored(agent)).toEqual(announcedTrust(portal.authority, portal.sshHostKey).confirmed);
  },
);

test("who slept until the old CA was gone is told to register anew, believes nothing, and is cured by that", async () => {
  await using portal = await FakePortal.start();
  const agent = await sleeper(portal);
  const before = await stored(agent);
  for (const step of ["begin", "switchOver", "retire"] as const) await roll(portal, "ca", step);

  agent.start();
  await agent.until(({ lastError }) => lastError !== null);
  const { phase, lastError } = agent.link.state();
  const kept = await stored(agent);
  await agent.registerAnew();
  agent.start();
  await agent.until((state) => state.phase === "connected");

  expect({ phase, code: lastError?.code }).toEqual({ phase: "not-answering", code: "link.pin_mismatch" });
  expect(lastError?.cure).toContain("register again with new connection details");
  expect(kept).toEqual(before);
});

test("a backup of before the announcement is told again, and confirms again", async () => {
  await using portal = await FakePortal.start({ silenceMs: 0 });
  const agent = await sleeper(portal);
  const backup = await mkdtemp(join(tmpdir(), "tms-backup-"));
  onTestFinished(() => rm(backup, { recursive: true, force: true }));
  await cp(agent.directory, backup, { recursive: true });
  await roll(portal, "ca", "begin");
  agent.start();
  await knows(portal);
  await agent.link.stop();

  const restored = await FakeAgent.over(backup, agent);
  const before = await stored(restored);
  restored.start();
  await agentKnows(portal, restored);
  await restored.stop();

  expect(before?.caPins).toHaveLength(1);
  expect((await stored(restored))?.caPins).toEqual(portal.authority.pins());
});

/** The disk of this very agent says what is announced. */
async function agentKnows(portal: FakePortal, agent: FakeAgent): Promise<void> {
  const { confirmed } = announcedTrust(portal.authority, portal.sshHostKey);
  await portal.until(async () => JSON.stringify(await stored(agent)) === JSON.stringify(confirmed));
}

describe("an announcement", () => {
  test("of whoever took the server's place, with a CA of its own, is not even heard", async () => {
    await using portal = await FakePortal.start();
    await using foreign = await FakePortal.start();
    const agent = await sleeper(portal);
    const before = await stored(agent);
    await Promise.all([portal.hangUp(), foreign.hangUp()]);
    foreign.ports = { ...portal.ports };
    await foreign.listen();

    agent.start();
    await agent.until(({ lastError }) => lastError?.code === "link.pin_mismatch");

    expect(foreign.heartbeats).toEqual([]);
    expect(await stored(agent)).toEqual(before);
  });

  test("by a server that holds no CA's key plants none: nothing is taken, and heartbeats and logs go on", async () => {
    await using portal = await FakePortal.start();
    await using own = await createTestCa();
    const agent = await sleeper(portal);
    const before = await stored(agent);
    const truth = announcedTrust(portal.authority, portal.sshHostKey);
    const planted = { certificate: own.caPem, crossSigned: own.caPem };
    portal.announced = {
      announcement: { ...truth.announcement, authorities: [...truth.announcement.authorities, planted] },
      confirmed: { ...truth.confirmed, caPins: [...truth.confirmed.caPins, own.spkiPin] },
    };

    agent.start();
    await agent.until(({ lastError }) => lastError?.code === "link.trust_refused");
    await deliver(portal, agent, 1);

    expect(await stored(agent)).toEqual(before);
    expect(agent.link.state().phase).toBe("connected");
  });

  test("that the old CA is gone while it still serves locks nobody out, and is taken back without a trace", async () => {
    await using portal = await FakePortal.start();
    const agent = await sleeper(portal);
    const before = await stored(agent);
    await roll(portal, "ca", "begin");
    const truth = announcedTrust(portal.authority, portal.sshHostKey);
    portal.announced = {
      announcement: { ...truth.announcement, authorities: truth.announcement.authorities.slice(1) },
      confirmed: { ...truth.confirmed, caPins: truth.confirmed.caPins.slice(1) },
    };

    agent.start();
    await portal.until(() => reported(portal)?.caPins.length === 2);
    await deliver(portal, agent, 1);
    const meanwhile = await stored(agent);
    portal.announced = null;
    await roll(portal, "ca", "abandon");
    await knows(portal);
    await deliver(portal, agent, 2);

    expect(meanwhile?.caPins).toEqual(truth.confirmed.caPins);
    expect(await stored(agent)).toEqual(before);
  });
});

describe.each([
  ["announced", ["begin"]],
  ["switched", ["begin", "switchOver"]],
  ["retired", ["begin", "switchOver", "retire"]],
] as const)("connection details while the CA is %s", (phase, steps) => {
  test.each([
    ["of before", (old: string) => [old], phase !== "retired"],
    ["of now", (_: string, now: string[]) => now, true],
  ] as const)(
    "%s register: the CA that is met is trusted, and what more is announced is learnt",
    async (_, pinsOf, works) => {
      await using portal = await FakePortal.start();
      const old = portal.authority.spkiPin;
      for (const step of steps) await roll(portal, "ca", step);
      const directory = await mkdtemp(join(tmpdir(), "tms-register-"));
      onTestFinished(() => rm(directory, { recursive: true, force: true }));
      const pins = pinsOf(old, portal.authority.pins()) as (typeof old)[];

      const registering = registerLower({
        keys: await createLowerKeys(directory),
        statusServer: { host: portal.host, port: portal.ports.status },
        caPins: pins,
        patternRoot: portal.patternRoot,
        request: {
          credentials: { kind: "password", userName: portal.userName, password: portal.password },
          kind: "mitigator",
          version: "1.0.0",
          host: "host-1",
          instanceId: crypto.randomUUID(),
        },
      });

      if (works) expect(trustOf(await registering).caPins.toSorted()).toEqual([...pins].toSorted());
      else await expect(registering).rejects.toMatchObject({ code: "link.pin_mismatch" });
    },
  );
});

test("client certificates are the next CA's from the switch on, and those of before are good until their end", async () => {
  await using portal = await FakePortal.start();
  const [renewing, keeping] = [await sleeper(portal), await sleeper(portal)];
  for (const agent of [renewing, keeping]) {
    agent.start();
    await agent.until(({ phase }) => phase === "connected");
  }
  await roll(portal, "ca", "begin");
  await portal.until(() => [renewing, keeping].every((agent) => confirmed(portal, agent)));
  await roll(portal, "ca", "switchOver");
  const { product } = renewing.identity;
  const before = portal.products.get(product)?.spki;
  portal.order(product, {
    id: newId<DirectiveId>(),
    kind: "renew",
    expiresAt: "2099-01-01T00:00:00Z",
    payload: {},
  });
  await portal.until(() => portal.products.get(product)?.spki !== before);
  await roll(portal, "ca", "retire");

  await deliver(portal, keeping, 1);
  await deliver(portal, renewing, 1);

  const renewed = new X509Certificate((await identityInForce(renewing.keys, renewing.identity)).certificatePem);
  const kept = new X509Certificate(keeping.identity.certificatePem);
  const next = new X509Certificate(portal.authority.caPem);
  expect([renewed, kept].map((one) => one.verify(next.publicKey))).toEqual([true, false]);
});

function confirmed(portal: FakePortal, agent: FakeAgent): boolean {
  const last = portal.heartbeats.findLast(({ instanceId }) => instanceId === agent.instanceId);
  return last?.trust?.caPins.length === portal.authority.pins().length;
}

test("a kill at any change of the disk, while what was announced is stored, leaves what is served, and the next heartbeat ends it", async () => {
  await using portal = await FakePortal.start();
  const agent = await sleeper(portal);
  const first = await identityInForce(agent.keys, agent.identity);
  await roll(portal, "ca", "begin");
  const { announcement } = announcedTrust(portal.authority, portal.sshHostKey);
  let cuts = 0;
  for (let ended = false; !ended; cuts += 1) {
    await storeIdentity(agent.keys.directory, first);
    const dying = new DyingDisk(cuts);

    ended = await takeTrust(first, { announcement, directory: agent.keys.directory, disk: dying.disk });
    const afterKill = (await stored(agent))?.caPins;
    await takeTrust(await identityInForce(agent.keys, first), { announcement, directory: agent.keys.directory });

    expect([1, 2]).toContain(afterKill?.length);
    expect(afterKill?.[0]).toBe(portal.authority.spkiPin);
    expect((await stored(agent))?.caPins).toEqual(portal.authority.pins());
  }
  expect(cuts).toBe(4);
});

/** @returns false if it was killed. */
async function takeTrust(
  identity: StoredIdentity,
  by: { announcement: TrustAnnouncement; directory: string; disk?: Disk },
): Promise<boolean> {
  const upkeep = createTrustUpkeep({
    identity: new KeptIdentity(identity, {
      directory: by.directory,
      ...(by.disk === undefined ? {} : { disk: by.disk }),
    }),
    prove: async () => undefined,
    changeOver: () => undefined,
    onChange: () => undefined,
    onFailure: () => undefined,
    timers: systemTimers,
  });
  try {
    await upkeep.take(by.announcement);
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    throw error;
  }
}
