import { AppError } from "@tms/records";
import { describe, expect, test } from "vitest";
import { checkToken, type KeptToken } from "./enrolment-token.ts";
import { sha256Of } from "./make-enrolment-token.ts";

describe("checkToken", () => {
  const now = new Date("2026-11-24T09:00:00Z");
  const token = (change: Partial<KeptToken> = {}): KeptToken => ({
    id: "0b0e3a4e-6d5c-4a0e-9a59-5a4b3a7b8c9d",
    secretSha256: sha256Of("the secret of this token, long enough"),
    allow: ["collect"],
    uses: 2,
    used: 1,
    expiresAt: new Date("2026-11-24T09:00:01Z"),
    ...change,
  });
  const right = { secretSha256: sha256Of("the secret of this token, long enough") };
  const wrong = { secretSha256: sha256Of("a guess") };

  const codeOf = (work: () => unknown) => {
    try {
      work();
      return null;
    } catch (error) {
      return error instanceof AppError ? error.code : String(error);
    }
  };

  test("takes a token in time and with a use left", () => {
    const kept = token();

    const checked = checkToken(kept, right, now);

    expect(checked).toBe(kept);
  });

  test.each([
    ["an unknown one", null, right, "link.token_unknown"],
    ["a wrong secret", token(), wrong, "link.token_unknown"],
    ["an expired one", token({ expiresAt: now }), right, "link.token_expired"],
    ["a used up one", token({ used: 2 }), right, "link.token_used_up"],
    // Without the secret nobody learns that a token exists, has expired or is used up.
    ["an expired one with a wrong secret", token({ expiresAt: now }), wrong, "link.token_unknown"],
    ["a used up one with a wrong secret", token({ used: 2 }), wrong, "link.token_unknown"],
  ])("refuses %s", (_name, kept, presented, code) => {
    const refused = codeOf(() => checkToken(kept, presented, now));

    expect(refused).toBe(code);
  });
});
