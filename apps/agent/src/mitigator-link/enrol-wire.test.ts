import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@tms/records";
import { FakePortal } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
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
  const token = (id: string) => {
    const secret = id.replaceAll("-", "").padEnd(43, "x");
    portal.enrolments.set(id, secret);
    const facts = {
      addresses: [{ host: portal.host, port: portal.ports.status }],
      caPin: portal.authority.spkiPin,
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
