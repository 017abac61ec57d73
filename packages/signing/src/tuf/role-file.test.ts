import { AppError, type CustomerId, newId } from "@tms/records";
import { expect, test } from "vitest";
import {
  addTarget,
  checkRoleFile,
  type Delegation,
  type Ed25519Key,
  makeEd25519,
  makeRoleFile,
  makeRoot,
  makeTargets,
  roleKeysOf,
  signRole,
} from "../index.ts";

const AT = new Date("2026-11-24T08:00:00Z");
const SIGNING = { version: 1, signedAt: AT, expires: new Date("2027-11-24T08:00:00Z") };
const [anna, ben, mallory] = [makeEd25519(), makeEd25519(), makeEd25519()];
const TARGET = { path: "custom-act/CP-1.json", bytes: Buffer.from("pattern") };

function delegation(keys: Ed25519Key[], threshold = 2): Delegation {
  return {
    role: "custom-act",
    threshold,
    keys: keys.map((key, index) => ({ publicSpki: key.publicSpki, name: `expert-${index + 1}` })),
  };
}

const top = makeTargets([delegation([anna, ben])], SIGNING);
const unsigned = makeRoleFile([TARGET], SIGNING);

function signedBy(...keys: Ed25519Key[]): Buffer {
  return keys.reduce((file, key) => signRole(file, key.privatePkcs8Pem), unsigned);
}

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

/** Changes the JSON of a file as an attacker with a text editor would. */
function bent(bytes: Uint8Array, change: (json: ReturnType<typeof parse>) => void): Buffer {
  const json = parse(bytes);
  change(json);
  return Buffer.from(JSON.stringify(json));
}

function parse(bytes: Uint8Array) {
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as {
    signatures: { keyid: string; sig: string }[];
    signed: {
      version: number;
      targets: Record<string, { hashes: Record<string, string> }>;
      delegations: {
        keys: Record<string, { keyval: { public: string } }>;
        roles: { name: string; keyids: string[]; threshold: number }[];
      };
    };
  };
}

test("accepts two signatures of two experts and names them", () => {
  const checked = checkRoleFile(signedBy(anna, ben), "custom-act", top);

  expect(checked.signers.map((signer) => signer.name)).toEqual(["expert-1", "expert-2"]);
  expect(checked.targets.map((target) => target.path)).toEqual([TARGET.path]);
});

test("refuses one of two, but takes it while the second is awaited", () => {
  const half = signedBy(anna);

  expect(codeOf(() => checkRoleFile(half, "custom-act", top))).toBe("pattern.signature_missing");
  expect(checkRoleFile(half, "custom-act", top, "one").signers).toHaveLength(1);
  expect(codeOf(() => checkRoleFile(unsigned, "custom-act", top, "one"))).toBe("pattern.signature_missing");
});

test("refuses a foreign key, also beside enough good ones", () => {
  expect(codeOf(() => checkRoleFile(signedBy(anna, mallory), "custom-act", top))).toBe("pattern.key_foreign");
  expect(codeOf(() => checkRoleFile(signedBy(anna, ben, mallory), "custom-act", top))).toBe("pattern.key_foreign");
});

test("refuses one key that signed twice", () => {
  const twice = bent(signedBy(anna), ({ signatures }) => signatures.push(...structuredClone(signatures)));

  expect(codeOf(() => checkRoleFile(twice, "custom-act", top))).toBe("pattern.key_repeated");
});

test("refuses one key's signature under a second id", () => {
  const aliased = bent(signedBy(anna), ({ signatures }) => {
    const [first] = signatures;
    if (first !== undefined) signatures.push({ ...first, keyid: mallory.keyId });
  });

  expect(codeOf(() => checkRoleFile(aliased, "custom-act", top))).toBe("pattern.key_repeated");
});

test("refuses a delegation in which one public key stands under two ids", () => {
  const aliasedTop = bent(top, ({ signed }) => {
    const key = signed.delegations.keys[anna.keyId];
    if (key !== undefined) signed.delegations.keys[mallory.keyId] = key;
    for (const role of Object.values(signed.delegations.roles)) role.keyids.push(mallory.keyId);
  });
  const aliased = bent(signedBy(anna), ({ signatures }) => {
    const [first] = signatures;
    if (first !== undefined) signatures.push({ ...first, keyid: mallory.keyId });
  });

  expect(codeOf(() => checkRoleFile(aliased, "custom-act", aliasedTop))).toBe("pattern.key_repeated");
  expect(codeOf(() => roleKeysOf("custom-act", aliasedTop))).toBe("pattern.key_repeated");
});

test("refuses a file that was changed after it was signed", () => {
  const changed = bent(signedBy(anna, ben), ({ signed }) => {
    signed.version = 2;
  });

  expect(codeOf(() => checkRoleFile(changed, "custom-act", top))).toBe("pattern.signature_invalid");
});

test("refuses a target that is listed without its SHA-256", () => {
  const key = (file: Buffer) => signRole(signRole(file, anna.privatePkcs8Pem), ben.privatePkcs8Pem);
  const bare = bent(unsigned, ({ signed }) => {
    for (const target of Object.values(signed.targets)) target.hashes = { md5: "00" };
  });

  expect(codeOf(() => checkRoleFile(key(bare), "custom-act", top))).toBe("pattern.metadata_invalid");
});

test.each(["", "{", "[]", "null", '{"signed":{},"signatures":{}}', '{"signed":{"_type":"root"},"signatures":[]}'])(
  "refuses %j, which is no role file",
  (text) => {
    expect(codeOf(() => checkRoleFile(Buffer.from(text), "custom-act", top))).toBe("pattern.metadata_invalid");
  },
);

test("refuses to author a role with one key twice, too few keys or a threshold below the least", () => {
  expect(codeOf(() => makeTargets([delegation([anna, anna])], SIGNING))).toBe("pattern.key_repeated");
  expect(codeOf(() => makeTargets([delegation([anna])], SIGNING))).toBe("pattern.signature_missing");
  expect(codeOf(() => makeTargets([delegation([anna, ben], 1)], SIGNING))).toBe("pattern.signature_missing");
});

test("refuses to author a root in which one key has two offices", () => {
  const customer = { id: newId<CustomerId>(), name: "Example" };
  const keys = [makeEd25519(), makeEd25519(), makeEd25519()].map((key) => key.publicSpki);
  const [first] = keys;
  if (first === undefined) throw new Error("no key");

  const root = () => makeRoot(customer, { offline: keys, snapshot: first, timestamp: anna.publicSpki }, SIGNING);

  expect(codeOf(root)).toBe("pattern.key_repeated");
});

test("makes the next version from the one in force, keeping what it listed", () => {
  const next = addTarget(signedBy(anna, ben), { path: "custom-act/CP-2.json", bytes: Buffer.from("2") }, SIGNING);
  const signed = signRole(signRole(next, anna.privatePkcs8Pem), ben.privatePkcs8Pem);

  const checked = checkRoleFile(signed, "custom-act", top);

  expect(checked.version).toBe(2);
  expect(checked.targets.map((target) => target.path)).toEqual([TARGET.path, "custom-act/CP-2.json"]);
});
