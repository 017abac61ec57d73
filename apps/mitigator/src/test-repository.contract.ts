import { parsePattern, planDigest } from "@tms/patterns";
import { newId, type PatternId } from "@tms/records";
import {
  addTarget,
  describeRoleFile,
  holdCeremony,
  makeEd25519,
  roleExpiry,
  signOnlineFiles,
  signRole,
} from "@tms/signing";
import type { FakePortal } from "@tms/testkit";

/** A customer's signed pattern repository, served by a FakePortal. Made before anybody registers: it names the root. */
export function serveRepository(portal: Pick<FakePortal, "customer" | "patternFiles">) {
  const at = new Date();
  const experts = ["anna", "ben"].map((name) => ({ name, key: makeEd25519() }));
  const online = { snapshot: makeEd25519(), timestamp: makeEd25519() };
  const { metadata, targets, patternRoot } = holdCeremony({
    customer: { id: portal.customer, name: "Acme" },
    offline: [makeEd25519(), makeEd25519(), makeEd25519()],
    experts,
    snapshot: online.snapshot.publicSpki,
    timestamp: online.timestamp.publicSpki,
    targets: { regular: [{ path: "regular/RP-regular.json", bytes: Buffer.from("regular") }] },
    at,
  });
  Object.assign(portal, { patternRoot });
  for (const [name, bytes] of metadata) portal.patternFiles.set(name, bytes);
  for (const [path, bytes] of targets) portal.patternFiles.set(`targets/${path}`, Buffer.from(bytes));
  const roles = new Map([...metadata].map(([name, bytes]) => [name.split(".")[1] ?? "", bytes]));
  roles.delete("root");
  let version = 0;

  function publish(): void {
    version += 1;
    const keys = { snapshot: online.snapshot.privatePkcs8Pem, timestamp: online.timestamp.privatePkcs8Pem };
    const { snapshot, timestamp } = signOnlineFiles(Object.fromEntries(roles), keys, { version, now: new Date() });
    portal.patternFiles.set(snapshot.name, snapshot.bytes).set(timestamp.name, timestamp.bytes);
    for (const [role, bytes] of roles) {
      portal.patternFiles.set(`${describeRoleFile(bytes).version}.${role}.json`, bytes);
    }
  }
  publish();

  return {
    patternRoot,
    consentOf: (path: string) => {
      const bytes = portal.patternFiles.get(`targets/${path}`) ?? Buffer.alloc(0);
      return planDigest(parsePattern(bytes));
    },
    /** Issues a custom pattern, signed by both experts. */
    issue(manifest: object): { path: string; bytes: Buffer } {
      const bytes = Buffer.from(JSON.stringify(manifest), "utf8");
      const path = `custom-act/${(manifest as { id: PatternId }).id}.json`;
      const next = addTarget(
        roles.get("custom-act") ?? null,
        { path, bytes },
        { signedAt: at, expires: roleExpiry(at) },
      );
      roles.set(
        "custom-act",
        experts.reduce((file, { key }) => signRole(file, key.privatePkcs8Pem), next),
      );
      portal.patternFiles.set(`targets/${path}`, bytes);
      publish();
      return { path, bytes };
    },
  };
}

/** A valid custom pattern; `change` shows the field that matters to a test. */
export function makeManifest(change: Record<string, unknown>): { id: PatternId; version: number } {
  return {
    schema: "tms.pattern/1",
    id: `CP-${newId<string>()}` as PatternId,
    version: 1,
    title: "Marker cleanup",
    customer: "",
    case: null,
    severity: "high",
    expires: new Date(Date.now() + 30 * 86_400_000).toISOString(),
    endpoints: [],
    limits: { maxKills: 1, maxFiles: 1, maxBytes: 1024, deadlineSeconds: 60 },
    rules: [
      {
        id: "marker",
        kind: "yara",
        title: "Marker file",
        severity: "high",
        severityReason: "holds the marker",
        source: 'rule marker { strings: $a = "made-up-marker-0001" condition: $a }',
      },
    ],
    cleanup: [{ step: "quarantine", verb: "file.quarantine", detection: "marker", target: { from: "detected-file" } }],
    ...change,
  } as unknown as { id: PatternId; version: number };
}
