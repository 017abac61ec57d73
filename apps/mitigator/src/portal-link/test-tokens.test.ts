import type { Sha256 } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { digestOfTested, needsRegistration, type PortalSettings, TEST_VALID_MS } from "./portal-settings.ts";
import { createTestTokens } from "./test-tokens.ts";

describe("what was tested", () => {
  const settings = (change: Partial<PortalSettings> = {}): PortalSettings => ({
    sending: true,
    logServer: { host: "portal.example", port: 8444 },
    protocol: "ssl",
    statusServer: { host: "portal.example", port: 8443 },
    userName: "acme",
    email: "ada@example.org",
    name: "Site",
    frequencyMinutes: 15,
    uploadKbits: null,
    downloadKbits: null,
    caPins: ["a".repeat(64) as Sha256],
    sshHostKeys: [],
    patternRoot: "b".repeat(64) as Sha256,
    ...change,
  });

  const PROXY = { kind: "socks5", host: "proxy.example", port: 1080, userName: "mill", password: "p" } as const;
  const SECRETS = { password: "secret", proxy: null };

  test("a token covers just these values, for ten minutes", () => {
    const clock = new TestClock();
    const tokens = createTestTokens(clock);
    const digest = digestOfTested(settings(), SECRETS);
    const { token } = tokens.issue(digest);

    const now = tokens.covers(token, digest);
    const other = tokens.covers(token, digestOfTested(settings(), { ...SECRETS, password: "Secret" }));
    const invented = tokens.covers("x".repeat(32), digest);
    clock.advance(TEST_VALID_MS);
    const late = tokens.covers(token, digest);

    expect({ now, other, invented, late }).toEqual({ now: true, other: false, invented: false, late: false });
  });

  test.each([
    ["log server", { logServer: { host: "other", port: 8444 } }],
    ["port", { statusServer: { host: "portal.example", port: 443 } }],
    ["protocol", { protocol: "ssh" as const }],
    ["user name", { userName: "acme2" }],
    ["pins", { caPins: [] }],
    ["pattern root", { patternRoot: "c".repeat(64) as Sha256 }],
  ])("another %s is another test", (_name, change) => {
    expect(digestOfTested(settings(change), SECRETS)).not.toBe(digestOfTested(settings(), SECRETS));
  });

  test.each([
    ["a proxy", null, PROXY],
    ["its kind", PROXY, { ...PROXY, kind: "http" as const }],
    ["its address", PROXY, { ...PROXY, host: "other.example" }],
    ["its port", PROXY, { ...PROXY, port: 3128 }],
    ["its password", PROXY, { ...PROXY, password: "q" }],
  ])("%s changed is another test", (_name, proxy, other) => {
    expect(digestOfTested(settings(), { password: "s", proxy: other })).not.toBe(
      digestOfTested(settings(), { password: "s", proxy }),
    );
  });

  test("name, email, frequency, bandwidth and the switch need no new test", () => {
    const tuned = { frequencyMinutes: 240, uploadKbits: 64, downloadKbits: 128 } as const;
    const changed = settings({ name: "Other", email: "bob@example.org", sending: false, ...tuned });

    expect(digestOfTested(changed, SECRETS)).toBe(digestOfTested(settings(), SECRETS));
  });

  test("a registration holds until user name, root or every CA pin differ, it expired, or the portal refuses it", () => {
    const { patternRoot, caPins } = settings();
    const registered = { userName: "acme", patternRoot, caPins, refused: false, expired: false };

    const judged = [
      needsRegistration(settings(), registered),
      needsRegistration(settings({ logServer: { host: "other", port: 1 } }), registered),
      needsRegistration(settings({ userName: "acme2" }), registered),
      needsRegistration(settings({ patternRoot: "c".repeat(64) as Sha256 }), registered),
      needsRegistration(settings(), { ...registered, refused: true }),
      needsRegistration(settings(), { ...registered, expired: true }),
      needsRegistration(settings(), null),
      needsRegistration(settings({ caPins: ["d".repeat(64) as Sha256] }), registered),
      needsRegistration(settings({ caPins: ["d".repeat(64) as Sha256, ...caPins] }), registered),
      needsRegistration(settings({ caPins: [] }), registered),
    ];

    expect(judged).toEqual([false, false, true, true, true, true, true, true, false, false]);
  });
});
