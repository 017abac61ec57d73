import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sha256 } from "@tms/records";
import { createTestCa, FakePortal } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createLowerKeys } from "./lower-keys.ts";
import { loadIdentity, type RegisterLowerOptions, registerLower } from "./register-lower.ts";

async function settings(portal: FakePortal): Promise<RegisterLowerOptions> {
  const directory = await mkdtemp(join(tmpdir(), "tms-keys-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return {
    keys: await createLowerKeys(directory),
    statusServer: { host: portal.host, port: portal.ports.status },
    caPins: [portal.authority.spkiPin],
    patternRoot: portal.patternRoot,
    request: {
      credentials: { kind: "password", userName: portal.userName, password: portal.password },
      kind: "mitigator",
      version: "1.0.0",
      host: "host-1",
      instanceId: "22222222-2222-4222-8222-222222222222",
    },
  };
}

test("registers, stores the identity, and finds it again", async () => {
  await using portal = await FakePortal.start();
  const options = await settings(portal);

  const identity = await registerLower(options);
  const again = await loadIdentity(await createLowerKeys(options.keys.directory));

  expect(again).toEqual(identity);
  expect(portal.products.get(identity.product)).toMatchObject({ registration: "registered" });
});

test("no key file is readable by anyone else", async () => {
  await using portal = await FakePortal.start();
  const { keys, ...rest } = await settings(portal);
  await registerLower({ keys, ...rest });

  const modes = await Promise.all(
    (await readdir(keys.directory)).map(async (name) => (await stat(join(keys.directory, name))).mode & 0o777),
  );

  expect(modes.length).toBeGreaterThanOrEqual(4);
  expect(new Set(modes)).toEqual(new Set([0o600]));
});

test("a wrong CA pin is refused before any credential leaves", async () => {
  await using portal = await FakePortal.start();
  await using other = await createTestCa();
  const options = await settings(portal);

  const registering = registerLower({ ...options, caPins: [other.spkiPin] });

  await expect(registering).rejects.toMatchObject({ code: "link.pin_mismatch" });
  expect(portal.products.size).toBe(0);
  expect(await loadIdentity(options.keys)).toBe(null);
});

test("a false pattern root is fatal and nothing is stored", async () => {
  await using portal = await FakePortal.start({ answeredPatternRoot: "f".repeat(64) as Sha256 });
  const options = await settings(portal);

  await expect(registerLower(options)).rejects.toMatchObject({ code: "link.pattern_root_mismatch" });
  expect(await loadIdentity(options.keys)).toBe(null);
});

test("wrong credentials are refused with their code", async () => {
  await using portal = await FakePortal.start();
  const options = await settings(portal);
  const request = {
    ...options.request,
    credentials: { kind: "password" as const, userName: portal.userName, password: "guess" },
  };

  await expect(registerLower({ ...options, request })).rejects.toMatchObject({ code: "link.credentials_wrong" });
  expect(portal.products.size).toBe(0);
});

test("without a pin it registers unconfirmed", async () => {
  await using portal = await FakePortal.start();
  const options = await settings(portal);

  const identity = await registerLower({ ...options, caPins: [] });

  expect(identity).toMatchObject({ pinned: false, caSpki: portal.authority.spkiPin });
  expect(portal.products.get(identity.product)).toMatchObject({ registration: "unconfirmed" });
});
