import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "@tms/link";
import { AppError, type CustomerId, type Sha256 } from "@tms/records";

export const ALLOWANCES = ["scan", "collect", "cleanup", "restore", "undo", "pause"] as const;
export type Allowance = (typeof ALLOWANCES)[number];

/**
 * What the first enrolment token fixed for ever: no answer, directive or later token changes it (architecture, section
 * 8). To change it, the agent is installed anew.
 */
export interface Pins {
  customer: CustomerId;
  patternRoot: Sha256;
  /** SPKI DER, base64. */
  consentKey: string;
  recoveryRecipient: string | null;
  caPin: Sha256;
  /** All that the token named, if it named several. What is trusted after enrolment lies in `identity.json`. */
  caPins?: Sha256[];
  addresses: { host: string; port: number }[];
  allow: Allowance[];
  /** Of the token that was used last. */
  tokenId: string;
  /** Set when the mitigator refused the identity: another token then enrols again. */
  isRefused?: boolean;
  /** Random, of this installation. */
  instanceId: string;
}

const FILE = "pins.json";

export function readPins(directory: string): Pins | null {
  const file = join(directory, FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Pins) : null;
}

export async function keepPins(directory: string, pins: Pins): Promise<void> {
  await writeDurably(join(directory, FILE), JSON.stringify(pins, null, 1));
}

/** What a token says, over what was pinned before. @throws {AppError} `link.pin_mismatch`. */
export function pinsOf(token: Omit<Pins, "instanceId">, before: Pins | null): Pins {
  if (before === null) return { ...token, instanceId: randomUUID() };
  const fixed = ["customer", "patternRoot", "consentKey", "recoveryRecipient"] as const;
  for (const name of fixed) {
    if (token[name] !== before[name]) throw new AppError("link.pin_mismatch", { pinned: name });
  }
  return { ...token, instanceId: before.instanceId };
}

/** Remembers that the identity is no longer good at the mitigator; the next start with another token enrols again. */
export async function keepRefusal(directory: string, pins: Pins): Promise<void> {
  await keepPins(directory, { ...pins, isRefused: true });
}
