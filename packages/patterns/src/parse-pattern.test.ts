import { AppError, type ErrorCode } from "@tms/records";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isExactPath, isProtectedPath, isWithin, parsePattern, planDigest, planOf } from "./index.ts";

const CUSTOMER = "01a20cb4-30f8-7325-bcba-3e9b0680825d";
const ENDPOINT = "01a20cb4-30f8-7325-bcba-3e9b0680825e";

function manifest(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
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
    rules: [
      {
        id: "r1",
        kind: "yara",
        title: "T",
        severity: "high",
        severityReason: "why",
        source: "rule r1 { condition: true }",
      },
    ],
    cleanup: [
      { step: "kill", verb: "process.kill", detection: "r1", target: { from: "processes-holding-detected" } },
      { step: "look", verb: "verify", detection: "r1", target: { from: "detected-file" } },
    ],
    ...over,
  };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function codeOf(value: unknown): ErrorCode | null {
  try {
    parsePattern(Buffer.isBuffer(value) ? value : bytesOf(value));
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

function quarantine(path: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  return manifest({ cleanup: [{ step: "q", verb: "file.quarantine", target: { path }, ...over }] });
}

test("takes a custom and a regular pattern", () => {
  const regular = manifest({ id: "RP-regular", customer: "*", endpoints: [], cleanup: [] });

  expect(parsePattern(bytesOf(manifest())).id).toBe("CP-1");
  expect(parsePattern(bytesOf(regular)).customer).toBe("*");
});

test.each([
  ["an unknown field", manifest({ shell: "rm -rf /" })],
  [
    "an unknown field in a step",
    manifest({ cleanup: [{ step: "a", verb: "verify", target: { path: "/a" }, run: "x" }] }),
  ],
  [
    "an unknown field in a target",
    manifest({ cleanup: [{ step: "a", verb: "verify", target: { path: "/a", glob: "*" } }] }),
  ],
  ["another schema", manifest({ schema: "tms.pattern/2" })],
  ["no endpoint", manifest({ endpoints: [] })],
  ["every customer in a custom pattern", manifest({ customer: "*" })],
  ["one customer in the regular pattern", manifest({ id: "RP-regular", endpoints: [], cleanup: [] })],
  ["a repeated endpoint", manifest({ endpoints: [ENDPOINT, ENDPOINT] })],
  ["a repeated step", manifest({ cleanup: [1, 2].map(() => ({ step: "a", verb: "verify", target: { path: "/a" } })) })],
  [
    "a detection that no rule has",
    manifest({ cleanup: [{ step: "a", verb: "verify", detection: "r2", target: { path: "/a" } }] }),
  ],
  ["a target from nowhere", manifest({ cleanup: [{ step: "a", verb: "verify", target: { from: "detected-file" } }] })],
  [
    "a verb with another's target",
    manifest({ cleanup: [{ step: "a", verb: "process.kill", detection: "r1", target: { from: "detected-file" } }] }),
  ],
  [
    "a line of two lines",
    manifest({ cleanup: [{ step: "a", verb: "persist.removeLine", target: { path: "/etc/crontab", line: "a\nb" } }] }),
  ],
  ["an endless limit", manifest({ limits: { maxKills: 1e9, maxFiles: 1, maxBytes: 1, deadlineSeconds: 1 } })],
  ["a negative limit", manifest({ limits: { maxKills: -1, maxFiles: 1, maxBytes: 1, deadlineSeconds: 1 } })],
  ["a time that does not exist", manifest({ expires: "2026-13-45T99:00:00Z" })],
  ["a time without zone", manifest({ expires: "2026-12-24T08:00:00" })],
  ["a title that turns its direction", manifest({ title: "Clean\u202eup" })],
  ["a title with an escape", manifest({ title: "\u001b[2J" })],
  ["nothing to do", manifest({ rules: [], cleanup: [] })],
  ["a list", [manifest()]],
  ["bytes that are no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
  ["bytes that are no JSON", Buffer.from("{")],
])("refuses %s", (_what, value) => {
  expect(codeOf(value)).toBe("pattern.manifest_malformed");
});

test("names the fields that are wrong", () => {
  try {
    parsePattern(bytesOf(manifest({ version: 0, severity: "huge" })));
    expect.unreachable();
  } catch (error) {
    const fields = error instanceof AppError ? error.details.fields : null;
    expect(fields).toMatchObject([{ path: "version" }, { path: "severity" }]);
  }
});

test.each(["shell.run", "process.suspend", "net.isolate", "file.delete", "PROCESS.KILL", ""])(
  "refuses the verb %j by its own code",
  (verb) => {
    const cleanup = [{ step: "a", verb, target: { path: "/a" } }];

    expect(codeOf(manifest({ cleanup }))).toBe("pattern.verb_unknown");
  },
);

test.each([
  "/tmp/*",
  "/tmp/a?",
  "/tmp/[ab]",
  "/tmp/{a,b}",
  "/tmp/../etc/passwd",
  "/tmp/./a",
  "/tmp//a",
  "/tmp/a/",
  "tmp/a",
  "/",
  "",
  "/tmp/a\0b",
  "/tmp/a\nb",
  "/tmp/a\\b",
  `/tmp/${"a".repeat(256)}`,
  `/${"a/".repeat(3000)}a`,
])("refuses the path %j", (path) => {
  expect(codeOf(quarantine(path))).toBe("pattern.target_outside");
});

test.each(["/etc/passwd", "/etc/shadow", "/usr/bin/node", "/lib/x", "/proc/1/exe", "/boot/vmlinuz", "/sys/a"])(
  "refuses to touch the protected %s",
  (path) => {
    expect(codeOf(quarantine(path))).toBe("pattern.target_outside");
  },
);

test("holds an explicit path to the folders its own step names", () => {
  expect(codeOf(quarantine("/opt/app/x", { onlyPaths: ["/opt/app"] }))).toBeNull();
  expect(codeOf(quarantine("/opt/application/x", { onlyPaths: ["/opt/app"] }))).toBe("pattern.target_outside");
});

test("may look at a protected place, and may edit a file that starts programs", () => {
  const look = [{ step: "a", verb: "verify", target: { path: "/usr/bin/upd-helper" } }];
  const line = [{ step: "a", verb: "persist.removeLine", target: { path: "/etc/ld.so.preload", line: "/tmp/x.so" } }];

  expect(codeOf(manifest({ cleanup: look }))).toBeNull();
  expect(codeOf(manifest({ cleanup: line }))).toBeNull();
});

test("refuses a manifest over its size before it parses it", () => {
  const huge = Buffer.alloc(2 * 1024 * 1024, 0x20);

  expect(codeOf(huge)).toBe("pattern.manifest_malformed");
});

test("never throws anything but its own codes, whatever JSON arrives", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, part) => {
      expect(codeOf(value)).not.toBeNull();
      expect(["pattern.manifest_malformed", "pattern.verb_unknown", "pattern.target_outside", null]).toContain(
        codeOf(manifest({ cleanup: part })),
      );
    }),
    { numRuns: 200 },
  );
});

test("takes no path that another reading could lead elsewhere", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      const path = `/tmp/${text}`;
      if (!isExactPath(path)) return;
      expect(path.split("/")).not.toContain("..");
      expect(new URL(`file://${encodeURI(path)}`).pathname.startsWith("/tmp/")).toBe(true);
    }),
  );
  expect(isWithin("/opt/app/x", "/opt/app")).toBe(true);
  expect(isWithin("/opt/apple", "/opt/app")).toBe(false);
  expect(isProtectedPath("/usrlocal")).toBe(false);
});

test("gives the plan digest of what the pattern does, not of how it is written", () => {
  const plan = parsePattern(bytesOf(manifest()));
  const reordered = parsePattern(bytesOf(Object.fromEntries(Object.entries(manifest()).reverse())));
  const retitled = parsePattern(bytesOf(manifest({ title: "Another" })));

  expect(planDigest(reordered)).toBe(planDigest(plan));
  expect(planDigest(retitled)).toBe(planDigest(plan));
});

test.each([
  ["an endpoint", { endpoints: [ENDPOINT, CUSTOMER] }],
  ["a limit", { limits: { maxKills: 3, maxFiles: 2, maxBytes: 1000, deadlineSeconds: 60 } }],
  ["the version", { version: 2 }],
  ["the expiry", { expires: "2026-12-25T08:00:00Z" }],
  ["a step", { cleanup: [{ step: "kill", verb: "process.kill", target: { path: "/opt/x" } }] }],
  [
    "a rule's text",
    {
      rules: [
        {
          id: "r1",
          kind: "yara",
          title: "T",
          severity: "high",
          severityReason: "why",
          source: "rule r1 { condition: false }",
        },
      ],
    },
  ],
])("changes the plan digest with %s", (_what, over) => {
  const before = planDigest(parsePattern(bytesOf(manifest())));

  expect(planDigest(parsePattern(bytesOf(manifest(over))))).not.toBe(before);
});

test("says beforehand what can be undone", () => {
  const plan = planOf(parsePattern(bytesOf(manifest())));

  expect(plan.steps.map((step) => [step.verb, step.undo])).toEqual([
    ["process.kill", "none"],
    ["verify", "not-needed"],
  ]);
});
