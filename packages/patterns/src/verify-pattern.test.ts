import { AppError, type CustomerId, type EndpointId, type ErrorCode, newId } from "@tms/records";
import {
  holdCeremony,
  makeEd25519,
  NOTHING_SEEN,
  signOnlineFiles,
  type TargetRole,
  type TrustedTarget,
  verifyRepository,
} from "@tms/signing";
import { expect, test } from "vitest";
import { sealConsent, verifyConsent, verifyPattern } from "./index.ts";

const AT = new Date("2026-11-24T08:00:00Z");
const CUSTOMER = newId<CustomerId>();
const ENDPOINT = newId<EndpointId>();
const RULE = {
  id: "r1",
  kind: "yara",
  title: "T",
  severity: "high",
  severityReason: "why",
  source: "rule r1 { condition: true }",
};

function pattern(over: Record<string, unknown> = {}): Buffer {
  const manifest = {
    schema: "tms.pattern/1",
    id: "CP-1",
    version: 1,
    title: "Cleanup",
    customer: CUSTOMER,
    case: null,
    severity: "high",
    expires: "2026-12-24T08:00:00Z",
    endpoints: [ENDPOINT],
    limits: { maxKills: 2, maxFiles: 2, maxBytes: 1000, deadlineSeconds: 60 },
    rules: [RULE],
    cleanup: [{ step: "look", verb: "verify", detection: "r1", target: { from: "detected-file" } }],
    ...over,
  };
  return Buffer.from(JSON.stringify(manifest));
}

/** Signs the bytes into a real repository and takes them out of its verification. */
function trusted(bytes: Buffer, role: TargetRole = "custom-act", path = `${role}/CP-1.json`): TrustedTarget {
  const online = { snapshot: makeEd25519(), timestamp: makeEd25519() };
  const { metadata, patternRoot } = holdCeremony({
    customer: { id: CUSTOMER, name: "Example" },
    offline: [makeEd25519(), makeEd25519(), makeEd25519()],
    experts: ["anna", "ben"].map((name) => ({ name, key: makeEd25519() })),
    snapshot: online.snapshot.publicSpki,
    timestamp: online.timestamp.publicSpki,
    targets: { [role]: [{ path, bytes }] },
    at: AT,
  });
  const roles = Object.fromEntries(
    [...metadata].filter(([name]) => !name.includes("root")).map(([name, file]) => [name.split(".")[1], file]),
  );
  const keys = { snapshot: online.snapshot.privatePkcs8Pem, timestamp: online.timestamp.privatePkcs8Pem };
  const { snapshot, timestamp } = signOnlineFiles(roles, keys, { version: 1, now: AT });
  const files = new Map(metadata).set(snapshot.name, snapshot.bytes).set(timestamp.name, timestamp.bytes);
  const { targets } = verifyRepository({ patternRoot, customer: CUSTOMER }, files, { now: AT, highest: NOTHING_SEEN });
  const [target] = targets;
  if (target === undefined) throw new Error("no target");
  return target;
}

const HERE = { customer: CUSTOMER, endpoint: ENDPOINT, now: AT };

function codeOf(work: () => unknown): ErrorCode | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

test("makes a verified pattern of signed bytes for this customer and this endpoint", () => {
  const bytes = pattern();

  const verified = verifyPattern({ bytes, target: trusted(bytes), ...HERE });

  expect(verified.role).toBe("custom-act");
  expect(verified.manifest.id).toBe("CP-1");
  expect(Object.isFrozen(verified)).toBe(true);
});

test("lets whoever passes a pattern on verify it without being its endpoint", () => {
  const bytes = pattern();

  expect(codeOf(() => verifyPattern({ bytes, target: trusted(bytes), ...HERE, endpoint: null }))).toBeNull();
});

test("refuses another customer, another endpoint, and a pattern that has expired", () => {
  const bytes = pattern();
  const target = trusted(bytes);
  const verify = (over: object) => codeOf(() => verifyPattern({ bytes, target, ...HERE, ...over }));

  expect(verify({ customer: newId<CustomerId>() })).toBe("pattern.customer_differs");
  expect(verify({ endpoint: newId<EndpointId>() })).toBe("pattern.endpoint_differs");
  expect(verify({ now: new Date("2026-12-24T08:00:00Z") })).toBe("pattern.expired");
});

test("refuses bytes that are not the signed ones", () => {
  const bytes = pattern();
  const changed = Buffer.from(bytes.toString().replace('"maxKills":2', '"maxKills":9'));

  expect(codeOf(() => verifyPattern({ bytes: changed, target: trusted(bytes), ...HERE }))).toBe(
    "pattern.digest_mismatch",
  );
});

test("refuses verbs in the role of one signature", () => {
  const bytes = pattern();

  const code = codeOf(() => verifyPattern({ bytes, target: trusted(bytes, "custom-detect"), ...HERE }));

  expect(code).toBe("pattern.role_wrong");
});

test("takes a pattern that only finds from the role of one signature", () => {
  const bytes = pattern({ cleanup: [] });

  const verified = verifyPattern({ bytes, target: trusted(bytes, "custom-detect"), ...HERE });

  expect(verified.role).toBe("custom-detect");
});

test("refuses a pattern for every customer outside the regular role, and a custom one inside it", () => {
  const regular = pattern({ id: "RP-regular", customer: "*", endpoints: [], cleanup: [] });
  const custom = pattern();

  const asCustom = trusted(regular, "custom-act", "custom-act/RP-regular.json");
  const asRegular = trusted(custom, "regular");

  expect(codeOf(() => verifyPattern({ bytes: regular, target: asCustom, ...HERE }))).toBe("pattern.role_wrong");
  expect(codeOf(() => verifyPattern({ bytes: custom, target: asRegular, ...HERE }))).toBe("pattern.role_wrong");
});

test("refuses a pattern under another one's name, and a target that is no pattern", () => {
  const bytes = pattern();

  const elsewhere = trusted(bytes, "custom-act", "custom-act/CP-2.json");
  const recipients = trusted(bytes, "recipients", "recipients/CP-1.json");

  expect(codeOf(() => verifyPattern({ bytes, target: elsewhere, ...HERE }))).toBe("pattern.role_wrong");
  expect(codeOf(() => verifyPattern({ bytes, target: recipients, ...HERE }))).toBe("pattern.role_wrong");
});

test("takes a consent to just this pattern here, and refuses every other one", () => {
  const bytes = pattern();
  const verified = verifyPattern({ bytes, target: trusted(bytes), ...HERE });
  const [mitigator, stranger] = [makeEd25519(), makeEd25519()];
  const given = { customer: CUSTOMER, endpoints: [ENDPOINT], expiresAt: new Date("2026-11-25T08:00:00Z") };
  const other = { ...verified, digest: stranger.keyId };
  const replanned = { ...verified, planDigest: stranger.keyId };
  const at = { pattern: verified, customer: CUSTOMER, endpoint: ENDPOINT, now: AT };
  const seal = (over = {}, what: typeof other = verified, key = mitigator) =>
    sealConsent(key.privatePkcs8Pem, what, { ...given, ...over });
  const check = (signed: ReturnType<typeof seal>) => codeOf(() => verifyConsent(signed, mitigator.publicSpki, at));

  expect(check(seal())).toBeNull();
  expect(
    [
      seal({}, verified, stranger),
      seal({}, other),
      seal({}, replanned),
      seal({ customer: newId<CustomerId>() }),
      seal({ endpoints: [newId<EndpointId>()] }),
      seal({ expiresAt: AT }),
      { ...seal(), bytes: seal({ expiresAt: new Date("2030-01-01T00:00:00Z") }).bytes },
    ].map(check),
  ).toEqual(Array.from({ length: 7 }, () => "consent.invalid"));
});
