import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer } from "node:tls";
import { systemClock } from "@tms/records";
import { DyingDisk, Killed } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { createAuthority } from "./authority.ts";
import { type KeyRoll, type KeyRollPlace, openKeyRoll } from "./key-roll.ts";
import { ROLL_FILES, ROLLED_KEYS } from "./roll-record.ts";
import { createSshHostKey } from "./ssh-host-key.ts";

const STEPS = ["begin", "switchOver", "retire"] as const;

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-roll-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A directory with both keys, as a first start leaves it. */
async function arrange(): Promise<KeyRollPlace> {
  const directory = await folder();
  await createAuthority({ directory, name: "Portal CA", clock: systemClock });
  await createSshHostKey(directory);
  return { directory, clock: systemClock };
}

const authorityOf = ({ directory }: KeyRollPlace) =>
  createAuthority({ directory, name: "Portal CA", clock: systemClock });

/** Whether a client that trusts only this meets a server with the certificate of the moment. */
async function isMetBy(caPem: string, place: KeyRollPlace): Promise<boolean> {
  const { keyPem, certPem } = await (await authorityOf(place)).issueServer({ hosts: ["127.0.0.1"] });
  const server = createServer({ key: keyPem, cert: certPem });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const met = await new Promise<boolean>((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port, ca: caPem }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
  server.close();
  return met;
}

test("before the retirement who trusts the old CA alone is served, and from the switch on who trusts the next one alone", async () => {
  const place = await arrange();
  const old = (await authorityOf(place)).caPem;
  const roll = openKeyRoll("ca", place);
  await roll.begin();
  const next = (await authorityOf(place)).inForce()[1]?.certificatePem ?? "";
  const seen = [[await isMetBy(old, place), await isMetBy(next, place)]];

  for (const step of ["switchOver", "retire"] as const) {
    await roll[step]();
    seen.push([await isMetBy(old, place), await isMetBy(next, place)]);
  }

  expect(seen).toEqual([
    [true, false],
    [true, true],
    [false, true],
  ]);
});

describe.each(ROLLED_KEYS)("the %s", (key) => {
  test("goes from one to two to one, its record is for the owner alone, and a running server sees each step", async () => {
    const place = await arrange();
    const roll = openKeyRoll(key, place);
    const running = key === "ca" ? await authorityOf(place) : await createSshHostKey(place.directory);
    const names = () => ("pins" in running ? running.pins() : running.fingerprints());
    const first = await roll.state();
    const seen: unknown[] = [];
    const modes: number[] = [];

    for (const step of STEPS) {
      await roll[step]();
      if (step !== "retire") modes.push((await stat(join(place.directory, ROLL_FILES[key]))).mode & 0o777);
      seen.push([await running.look(), (await roll.state()).phase, names().length]);
    }

    const last = await roll.state();
    expect(seen).toEqual([
      ["changed", "announced", 2],
      ["changed", "switched", 2],
      ["changed", "none", 1],
    ]);
    expect(modes).toEqual([0o600, 0o600]);
    expect(names()).toEqual([last.present]);
    expect(last.present).not.toBe(first.present);
  });

  test("can be abandoned before the switch, and is then as if nothing had been", async () => {
    const place = await arrange();
    const roll = openKeyRoll(key, place);
    const before = await roll.state();

    await roll.begin();
    await roll.abandon();

    expect(await roll.state()).toEqual(before);
  });

  test.each<[string, (keyof KeyRoll)[], keyof KeyRoll, string]>([
    ["begun twice", ["begin"], "begin", "roll.under_way"],
    ["switched before it was announced", [], "switchOver", "roll.not_begun"],
    ["switched twice", ["begin", "switchOver"], "switchOver", "roll.switched_already"],
    ["retired before the switch", ["begin"], "retire", "roll.not_switched"],
    ["abandoned after the switch", ["begin", "switchOver"], "abandon", "roll.switched_already"],
    ["abandoned without a begin", [], "abandon", "roll.not_begun"],
  ])("cannot be %s", async (_, before, step, code) => {
    const place = await arrange();
    const roll = openKeyRoll(key, place);
    for (const one of before) await roll[one]();
    const state = await roll.state();

    await expect(roll[step]()).rejects.toMatchObject({ code });

    expect(await roll.state()).toEqual(state);
  });

  test("cannot begin before the first start", async () => {
    const place = { directory: await folder(), clock: systemClock };

    await expect(openKeyRoll(key, place).begin()).rejects.toMatchObject({ code: "store.never_made" });
  });

  test("a kill at any change of the disk leaves a step done or not done, and the same command ends it", async () => {
    let cuts = 0;
    for (let ended = false; !ended; cuts += 1) {
      const place = await arrange();
      const dying = new DyingDisk(cuts);
      const first = await openKeyRoll(key, place).state();

      ended = await rollToTheEnd(openKeyRoll(key, { ...place, disk: dying.disk }));
      const opened = await Promise.all([authorityOf(place), createSshHostKey(place.directory)]);
      const afterKill = (await openKeyRoll(key, place).state()).present;
      const served = key === "ca" ? opened[0].pins() : opened[1].fingerprints();
      await rollToTheEnd(openKeyRoll(key, place));
      const last = await openKeyRoll(key, place).state();

      expect({ cuts, isServed: served.includes(afterKill), phase: last.phase }).toEqual({
        cuts,
        isServed: true,
        phase: "none",
      });
      expect(last.present).not.toBe(first.present);
    }
    expect(cuts).toBeGreaterThan(12);
  });

  test("a record that was damaged stops the start instead of losing the next key", async () => {
    const place = await arrange();
    await writeFile(join(place.directory, ROLL_FILES[key]), '{"schema":"tms.roll/1","phase":"swi');

    const opening = key === "ca" ? authorityOf(place) : createSshHostKey(place.directory);

    await expect(opening).rejects.toMatchObject({ code: "roll.record_unreadable" });
  });
});

/** Every step that is still to be taken. @returns false if it was killed. */
async function rollToTheEnd(roll: KeyRoll): Promise<boolean> {
  const { phase } = await roll.state();
  const left = { none: STEPS, announced: STEPS.slice(1), switched: STEPS.slice(2) }[phase];
  try {
    for (const step of left) await roll[step]();
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    throw error;
  }
}
