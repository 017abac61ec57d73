import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openKeyRoll } from "@tms/link";
import { trustOf } from "@tms/link/lower";
import { systemClock } from "@tms/records";
import { FakePortal } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { enrol } from "./enrol-wire.ts";
import { keepRefusal } from "./pins.ts";

// Enrolment at an upper party that answers for real; the fake portal stands for a mitigator.

async function arrange() {
  const portal = await FakePortal.start();
  const directory = await mkdtemp(join(tmpdir(), "tms-enrol-"));
  onTestFinished(async () => {
    await portal.close();
    await rm(directory, { recursive: true, force: true });
  });
  const token = (id: string, caPins?: readonly string[]) => {
    const secret = id.replaceAll("-", "").padEnd(43, "x");
    portal.enrolments.set(id, secret);
    const facts = {
      addresses: [{ host: portal.host, port: portal.ports.status }],
      caPin: caPins?.[0] ?? portal.authority.spkiPin,
      ...(caPins === undefined ? {} : { caPins }),
      id,
      secret,
      customer: portal.customer,
      patternRoot: portal.patternRoot,
      consentKey: "MCowBQYDK2VwAyEAxzIrOH1jIf9ab8RtrEfomOc8287IO/Z+Tv2+CQtQVBM=",
      recoveryRecipient: null,
      allow: ["scan"],
      expiresAt: "2099-01-01T00:00:00Z",
      uses: 9,
    };
    return `tms1.${Buffer.from(JSON.stringify(facts)).toString("base64url")}`;
  };
  const start = (withToken: string | undefined) =>
    enrol({
      directory,
      token: withToken,
      host: "host-1",
      version: "1.0.0",
      clock: systemClock,
      signal: new AbortController().signal,
    });
  return { portal, directory, token, start };
}

test("an agent that was found to be one of two enrols by another token with keys, instance and endpoint of its own", async () => {
  const { portal, directory, token, start } = await arrange();
  const first = await start(token(crypto.randomUUID()));
  const before = { ...first.keys, endpoint: first.endpoint, instanceId: first.pins.instanceId };
  portal.registrations.setCloned(first.identity.product);
  await keepRefusal(directory, first.pins);

  const second = await start(token(crypto.randomUUID()));
  const afterwards = await start(undefined);

  expect(second.endpoint).not.toBe(before.endpoint);
  expect(second.pins.instanceId).not.toBe(before.instanceId);
  expect([second.keys.tlsPrivatePem, second.keys.signingPrivatePem]).not.toEqual([
    before.tlsPrivatePem,
    before.signingPrivatePem,
  ]);
  expect(afterwards.identity.product).toBe(second.identity.product);
  expect(afterwards.keys.signingPrivatePem).toBe(second.keys.signingPrivatePem);
});

test("an agent whose certificate has expired starts with it, so that the link renews it, and needs no token", async () => {
  const { portal, start, token } = await arrange();
  const first = await start(token(crypto.randomUUID()));
  const inAYear = { now: () => new Date(Date.now() + 365 * 86_400_000) };

  const again = await enrol({
    directory: first.keys.directory,
    token: undefined,
    host: "host-1",
    version: "1.0.0",
    clock: inAYear,
    signal: new AbortController().signal,
  });

  expect(again.identity.product).toBe(first.identity.product);
  expect(portal.products.size).toBe(1);
});

describe("while and after the mitigator's CA rolled over", () => {
  /** Steps on the mitigator's disk, and its listeners as they are after them. */
  async function roll(portal: FakePortal, ...steps: ("begin" | "switchOver" | "retire")[]) {
    const ca = openKeyRoll("ca", { directory: join(portal.directory, "ca"), clock: systemClock });
    for (const step of steps) await ca[step]();
    await portal.hangUp();
    await portal.listen();
  }

  test.each([
    ["announced", ["begin"]],
    ["switched", ["begin", "switchOver"]],
    ["retired", ["begin", "switchOver", "retire"]],
  ] as const)("a token that names both CAs enrols while the next one is %s", async (_, steps) => {
    const { portal, token, start } = await arrange();
    await roll(portal, "begin");
    const both = token(crypto.randomUUID(), portal.authority.pins());
    await roll(portal, ...steps.slice(1));

    const { identity } = await start(both);

    expect(trustOf(identity).caPins).toEqual(expect.arrayContaining([portal.authority.certifying.pin]));
  });

  test("another token that knows the mitigator by another CA enrols again as the same endpoint; the first one does not", async () => {
    const { portal, token, start } = await arrange();
    const ofBefore = token(crypto.randomUUID());
    const first = await start(ofBefore);
    await roll(portal, "begin", "switchOver", "retire");

    const same = await start(ofBefore);
    const anew = await start(token(crypto.randomUUID()));

    expect(same.identity.certificatePem).toBe(first.identity.certificatePem);
    expect(anew.endpoint).toBe(first.endpoint);
    expect(trustOf(anew.identity).caPins).toEqual(portal.authority.pins());
  });

  test("a token of before the roll-over that lies in the configuration still, does not make an agent enrol again", async () => {
    const { portal, token, start } = await arrange();
    const ofBefore = token(crypto.randomUUID());
    const { keys, identity } = await start(ofBefore);
    await roll(portal, "begin", "switchOver", "retire");
    await writeFile(
      join(keys.directory, "identity.json"),
      JSON.stringify({ ...identity, caPem: portal.authority.caPem }),
    );

    const again = await start(ofBefore);

    expect(again.identity.certificatePem).toBe(identity.certificatePem);
  });
});
