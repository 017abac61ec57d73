import type { Sha256 } from "@tms/records";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  changedFields,
  EMPTY_VALUES,
  type Pins,
  readValues,
  type SettingsValues,
  valuesOf,
} from "./settings-values.ts";

const PINS: Pins = {
  caPins: ["a".repeat(64) as Sha256],
  sshHostKeys: [],
  patternRoot: "b".repeat(64) as Sha256,
};
const VALUES: SettingsValues = {
  sending: true,
  logHost: "logs.example",
  logPort: "8444",
  protocol: "ssl",
  frequency: "60",
  upload: "2000",
  download: "unlimited",
  statusHost: "status.example",
  statusPort: "8443",
  userName: "acme-4f2a",
  password: "correct horse battery staple",
  email: "soc@example.com",
  name: "north-office",
};

test("a whole form reads into the contract's settings, and back into the same form without its password", () => {
  const outcome = readValues(VALUES, PINS, false);

  if (outcome.kind !== "valid") throw new Error(`refused ${outcome.fields.join(", ")}, pins ${outcome.pinsMissing}`);
  const { password: _, ...saved } = outcome.settings;
  expect(valuesOf(saved, "unused")).toEqual({ ...VALUES, password: "" });
});

describe("ports", () => {
  test.each(["", " ", "0", "65536", "0x50", "1e3", "80.5", "-1", "８４４３", "8443x", "000000443"])(
    "“%s” is none, and names its field",
    (port) => {
      const outcome = readValues({ ...VALUES, statusPort: port }, PINS, false);

      expect(outcome).toEqual({ kind: "invalid", fields: ["statusPort"], pinsMissing: false });
    },
  );

  test("every number of a port is one, with blanks around it too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65535 }), (port) => {
        const outcome = readValues({ ...VALUES, logPort: ` ${port} ` }, PINS, false);
        expect(outcome.kind === "valid" && outcome.settings.logServer.port).toBe(port);
      }),
    );
  });
});

test("an empty password keeps the stored one, and is missing where none is stored", () => {
  const kept = readValues({ ...VALUES, password: "" }, PINS, true);
  const missing = readValues({ ...VALUES, password: "" }, PINS, false);

  expect(kept.kind === "valid" && "password" in kept.settings).toBe(false);
  expect(missing).toMatchObject({ kind: "invalid", fields: ["password"] });
});

test("without connection details the pins are what is missing, not a field that nobody can fill in", () => {
  const outcome = readValues(VALUES, { caPins: [], sshHostKeys: [], patternRoot: null }, false);

  expect(outcome).toMatchObject({ kind: "invalid", fields: [], pinsMissing: true });
});

test("an empty form names each field once, in the order of the contract", () => {
  const outcome = readValues(EMPTY_VALUES, PINS, false);

  if (outcome.kind !== "invalid") throw new Error("an empty form was taken");
  expect(new Set(outcome.fields).size).toBe(outcome.fields.length);
  expect(outcome.fields).toEqual(
    expect.arrayContaining(["logHost", "logPort", "statusHost", "statusPort", "userName"]),
  );
});

test("changed fields are those that differ, and none right after saving", () => {
  expect(changedFields(VALUES, VALUES)).toEqual([]);
  expect(changedFields({ ...VALUES, email: "", sending: false }, VALUES)).toEqual(["sending", "email"]);
});

describe("bandwidths", () => {
  test.each(["", "7", "1e3", "0x40", "-64", "10000001", "64.5", "fast"])(
    "“%s” is none, and names its field",
    (text) => {
      expect(readValues({ ...VALUES, upload: text }, PINS, false)).toMatchObject({
        kind: "invalid",
        fields: ["upload"],
      });
    },
  );

  test.each([
    ["unlimited", null],
    ["64", 64],
    [" 750 ", 750],
    ["10000000", 10_000_000],
  ])("“%s” is %s kbit/s", (text, kbits) => {
    const outcome = readValues({ ...VALUES, download: text }, PINS, false);

    expect(outcome.kind === "valid" ? outcome.settings.downloadKbits : outcome).toBe(kbits);
  });
});

test("a frequency that is not offered is refused", () => {
  expect(readValues({ ...VALUES, frequency: "7" }, PINS, false)).toMatchObject({
    kind: "invalid",
    fields: ["frequency"],
  });
});
