import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, type DirectiveId, newId, systemTimers } from "@tms/records";
import { ChaosProxy, DyingDisk, FakeAgent, FakePortal, Killed, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { spkiOfCertificate, spkiOfKey } from "../authority/spki.ts";
import type { Disk } from "../disk/disk.ts";
import { KeptIdentity } from "./kept-identity.ts";
import { callLink, problemFrom } from "./link-http.ts";
import { createLowerKeys } from "./lower-keys.ts";
import { identityInForce } from "./register-lower.ts";
import { createRenewal, isRenewalDue } from "./renewal.ts";
import { createTlsAgent } from "./tls-client.ts";

const STREAM = "threat-events" as const;
const DAY_MS = 86_400_000;

/** Shows another time in heartbeats; certificates are judged by the system's. */
function aheadBy(days: number): Clock {
  return { now: () => new Date(Date.now() + days * DAY_MS) };
}

function renewOrder() {
  return { id: newId<DirectiveId>(), kind: "renew" as const, expiresAt: "2099-01-01T00:00:00Z", payload: {} };
}

/** Speaks with what the agent held at first. */
async function askAs(portal: FakePortal, who: { certificatePem: string; tlsPrivatePem: string; caPem: string }) {
  const agent = createTlsAgent({
    caPem: who.caPem,
    certificatePem: who.certificatePem,
    privateKeyPem: who.tlsPrivatePem,
  });
  const url = `https://127.0.0.1:${portal.ports.status}/link/v1/cases?after=0`;
  const answer = await callLink(agent, { method: "GET", url, timeoutMs: 20_000 });
  await agent.destroy();
  return answer.status === 200 ? "served" : problemFrom(answer).code;
}

test.each([
  [59, false],
  [61, true],
])("%d days into a certificate of 90, by the upper party's clock, renewal is due: %s", async (days, due) => {
  const at = (day: number) => new Date(day * DAY_MS).toISOString();
  const identity = { registeredAt: at(0), certificateNotAfter: at(90) };

  expect(isRenewalDue(identity, at(days))).toBe(due);
});

test("after a renewal two thirds of the new certificate count, not of the old one", () => {
  const at = (day: number) => new Date(day * DAY_MS).toISOString();
  const identity = { registeredAt: at(0), certificateIssuedAt: at(60), certificateNotAfter: at(150) };

  expect([isRenewalDue(identity, at(119)), isRenewalDue(identity, at(121))]).toEqual([false, true]);
});

test("a link renews by itself when the upper party's clock says so, and the old key ends with the new one's first use", async () => {
  await using portal = await FakePortal.start({ clock: aheadBy(0) });
  await using agent = await FakeAgent.create({ portal });
  const before = { ...agent.identity, tlsPrivatePem: agent.keys.tlsPrivatePem };
  const product = portal.products.get(agent.identity.product);
  // As if it had been issued two months ago.
  agent.identity.registeredAt = new Date(Date.now() - 61 * DAY_MS).toISOString();
  agent.identity.certificateNotAfter = new Date(Date.now() + 29 * DAY_MS).toISOString();

  agent.start();
  await portal.until(() => product?.spki !== spkiOfCertificate(before.certificatePem));

  expect(portal.renewals).toHaveLength(1);
  expect(spkiOfKey(agent.keys.tlsPrivatePem)).toBe(product?.spki);
  expect(agent.keys.sshPublicKey).toContain(product?.sshKey);
  expect(await askAs(portal, before)).toBe("link.identity_unknown");
});

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test("the running link goes over to the new key and neither loses nor doubles a record", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol, spoolLimits: { sealRecords: 2 } });
    const { product } = agent.identity;
    const before = portal.products.get(product)?.spki;
    const records = Array.from({ length: 60 }, () => makeThreatEvent());
    const isThere = (count: number) => portal.store.position(product, STREAM)?.next === count;

    agent.start();
    const appended = (async () => {
      for (let at = 0; at < 60; at += 2) await agent.spool.append(STREAM, records.slice(at, at + 2));
    })();
    portal.order(product, renewOrder());
    await appended;
    await portal.until(() => isThere(60) && portal.products.get(product)?.spki !== before);
    const last = makeThreatEvent();
    await agent.spool.append(STREAM, [last]);
    await portal.until(() => isThere(61));

    expect(await portal.records(product, STREAM)).toEqual([...records, last]);
    expect(agent.states.filter((state) => state.phase === "refused")).toEqual([]);
  });
});

test("a hint to renew is carried out by the link itself and answered", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  const order = renewOrder();
  portal.order(agent.identity.product, order);

  agent.start();
  await portal.until(() => portal.outcomes.length > 0);

  expect(portal.outcomes).toEqual([{ id: order.id, ok: true }]);
  expect(agent.directives).toEqual([]);
  expect(portal.renewals).toHaveLength(1);
});

describe("an expired certificate", () => {
  const expire = (portal: FakePortal, agent: FakeAgent, daysAgo: number) => {
    const known = portal.products.get(agent.identity.product);
    if (known !== undefined) known.certificateNotAfter = new Date(Date.now() - daysAgo * DAY_MS);
  };

  test("buys a new one on the renewal route alone, and the link goes on", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    expire(portal, agent, 29);
    const before = await askAs(portal, { ...agent.identity, tlsPrivatePem: agent.keys.tlsPrivatePem });

    agent.start();
    await agent.until((state) => state.phase === "connected");

    expect(before).toBe("link.identity_expired");
    expect(portal.renewals).toHaveLength(1);
  });

  test.each([
    ["is not renewed after the days of grace", 31, "registered", "link.identity_expired"],
    ["is not renewed once the product was removed", 1, "revoked", "link.identity_revoked"],
  ] as const)("%s", async (_, daysAgo, registration, code) => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    expire(portal, agent, daysAgo);
    portal.setRegistration(agent.identity.product, registration);

    agent.start();
    await agent.until((state) => state.phase === "refused");

    expect(agent.link.state().lastError?.code).toBe(code);
    expect(portal.renewals).toEqual([]);
  });
});

/** One try to renew over this disk, as a process that may die anywhere in it. @returns whether it came to its end. */
async function tryToRenew(
  portal: FakePortal,
  agent: FakeAgent,
  how: { disk?: Disk; loseAnswer?: boolean },
): Promise<boolean> {
  const keys = await createLowerKeys(join(agent.directory, "keys"));
  const identity = await identityInForce(keys, agent.identity);
  const line = createTlsAgent({
    caPem: identity.caPem,
    certificatePem: identity.certificatePem,
    privateKeyPem: keys.tlsPrivatePem,
  });
  const renewal = createRenewal({
    keys,
    identity: new KeptIdentity(identity, {
      directory: keys.directory,
      ...(how.disk === undefined ? {} : { disk: how.disk }),
    }),
    ask: async (body) => {
      const answer = await callLink(line, {
        method: "POST",
        url: `https://127.0.0.1:${portal.ports.status}/link/v1/renew`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        timeoutMs: 20_000,
      });
      if (how.loseAnswer) throw new Killed("link.timeout");
      if (answer.status !== 200) throw problemFrom(answer);
      return JSON.parse(answer.bytes.toString("utf8"));
    },
    changeOver: () => undefined,
    onFailure: () => undefined,
    timers: systemTimers,
    random: () => 0,
    ...(how.disk === undefined ? {} : { disk: how.disk }),
  });
  try {
    await renewal.renew(() => undefined);
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    throw error;
  } finally {
    await line.destroy();
  }
}

/** What a new process finds: keys and certificate that belong together, and an upper party that serves them. */
async function standing(portal: FakePortal, agent: FakeAgent) {
  const keys = await createLowerKeys(join(agent.directory, "keys"));
  const identity = await identityInForce(keys, agent.identity);
  const fits = spkiOfCertificate(identity.certificatePem) === spkiOfKey(keys.tlsPrivatePem);
  const answer = await askAs(portal, { ...identity, tlsPrivatePem: keys.tlsPrivatePem });
  return { fits, answer, ssh: portal.products.get(identity.product)?.sshKey === keys.sshPublicKey.split(" ")[1] };
}

test("a kill between any two steps of a renewal leaves keys that are served, and the next try ends it", async () => {
  await using portal = await FakePortal.start();
  const directory = await mkdtemp(join(tmpdir(), "tms-renewal-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  let cuts = 0;
  for (let ended = false; !ended; cuts += 1) {
    const own = join(directory, String(cuts));
    const agent = await FakeAgent.create({ portal, directory: own });
    const dying = new DyingDisk(cuts);

    ended = await tryToRenew(portal, agent, { disk: dying.disk });
    const afterKill = await standing(portal, agent);
    const again = await tryToRenew(portal, agent, {});
    const atLast = await standing(portal, agent);
    await agent.close();

    const served = { fits: true, answer: "served", ssh: true };
    expect({ cuts, afterKill, again, atLast }).toEqual({ cuts, afterKill: served, again: true, atLast: served });
  }
  // Three files are written by four changes each, and one is removed.
  expect(cuts).toBeGreaterThan(12);
});

test("answers lost twice cost nothing: the same new keys are asked for again", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  const before = await standing(portal, agent);

  const tries = [
    await tryToRenew(portal, agent, { loseAnswer: true }),
    await tryToRenew(portal, agent, { loseAnswer: true }),
  ];
  const between = await standing(portal, agent);
  await tryToRenew(portal, agent, {});
  const after = await standing(portal, agent);

  expect(tries).toEqual([false, false]);
  expect(new Set(portal.renewals.map((one) => one.sshPublicKey)).size).toBe(1);
  expect([before, between, after].map((one) => one.answer)).toEqual(["served", "served", "served"]);
});

test("a restored directory from before the renewal is refused with the old key, and told to register anew", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  const yesterday = await mkdtemp(join(tmpdir(), "tms-yesterday-"));
  onTestFinished(() => rm(yesterday, { recursive: true, force: true }));
  await cp(join(agent.directory, "keys"), yesterday, { recursive: true });
  await tryToRenew(portal, agent, {});
  await standing(portal, agent);

  const keys = await createLowerKeys(yesterday);

  const answer = await askAs(portal, { ...agent.identity, tlsPrivatePem: keys.tlsPrivatePem });
  expect(answer).toBe("link.identity_unknown");
});

test("a line that breaks while the renewal is under way is tried again by itself", async () => {
  await using portal = await FakePortal.start();
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.status });
  await using agent = await FakeAgent.create({ portal, statusPort: proxy.port });
  const known = portal.products.get(agent.identity.product);
  const before = known?.spki;
  portal.order(agent.identity.product, renewOrder());
  agent.start();

  await portal.until(() => {
    if (portal.renewals.length === 1 && known?.next !== null) proxy.cutAll();
    return known?.spki !== before;
  });

  expect(known?.spki).toBe(spkiOfKey((await createLowerKeys(join(agent.directory, "keys"))).tlsPrivatePem));
});
