import { createHash, randomBytes, randomUUID } from "node:crypto";
import { AppError, type Clock, type CustomerId, type Sha256 } from "@tms/records";
import { ALLOWANCES, type Allowance } from "./agent.ts";

export interface TokenStore {
  insertToken(token: {
    id: string;
    secretSha256: Sha256;
    allow: readonly Allowance[];
    uses: number;
    createdBy: string;
    createdAt: Date;
    expiresAt: Date;
  }): Promise<void>;
}

/** What a token pins at the agent; known once this mitigator has registered. */
export interface SitePins {
  customer: CustomerId;
  patternRoot: Sha256;
}

export interface TokenFacts {
  id: string;
  secret: string;
  customer: CustomerId;
  patternRoot: Sha256;
  allow: readonly Allowance[];
  expiresAt: Date;
  uses: number;
}

/** Makes an enrolment token; the secret leaves this function once and is kept only as a digest. */
export function createMakeEnrolmentToken(deps: {
  tokens: TokenStore;
  site: () => Promise<SitePins | null>;
  clock: Clock;
}) {
  return async function makeEnrolmentToken(ask: {
    uses: number;
    validHours: number;
    createdBy: string;
  }): Promise<TokenFacts> {
    const pins = await deps.site();
    if (pins === null) throw new AppError("portal.not_registered");
    const now = deps.clock.now();
    const token = {
      id: randomUUID(),
      secret: randomBytes(32).toString("base64url"),
      ...pins,
      allow: ALLOWANCES,
      expiresAt: new Date(now.getTime() + ask.validHours * 3_600_000),
      uses: ask.uses,
    };
    await deps.tokens.insertToken({
      id: token.id,
      secretSha256: sha256Of(token.secret),
      allow: token.allow,
      uses: token.uses,
      createdBy: ask.createdBy,
      createdAt: now,
      expiresAt: token.expiresAt,
    });
    return token;
  };
}

export function sha256Of(text: string): Sha256 {
  return createHash("sha256").update(text, "utf8").digest("hex") as Sha256;
}
