import { createHash } from "node:crypto";
import type { Sha256 } from "@tms/records";
import type { DialledProxy } from "./proxy-settings.ts";

export interface Address {
  host: string;
  port: number;
}

/** In minutes; the steps that people may choose. */
export type Frequency = 0 | 5 | 15 | 30 | 60 | 120 | 240 | 480 | 720 | 1440;

/** The values of the settings page, without the password (domain, section 4). */
export interface PortalSettings {
  sending: boolean;
  logServer: Address;
  protocol: "ssh" | "ssl";
  /** 0 = immediately. */
  frequencyMinutes: Frequency;
  statusServer: Address;
  /** kbit/s for both servers together; null = unlimited. */
  uploadKbits: number | null;
  downloadKbits: number | null;
  userName: string;
  email: string;
  /** The name the portal shows for this mitigator. */
  name: string;
  caPins: Sha256[];
  sshHostKeys: string[];
  patternRoot: Sha256;
}

/** A test's result counts this long. */
export const TEST_VALID_MS = 10 * 60_000;

/**
 * Digest of what a connection test is about: addresses, protocol, proxy, credentials and what is trusted. Name, email,
 * frequency, bandwidth and the switch are not part of it, because no test could say anything about them.
 */
export function digestOfTested(
  settings: PortalSettings,
  secrets: { password: string; proxy: DialledProxy | null },
): Sha256 {
  const { password, proxy } = secrets;
  const { logServer, protocol, statusServer, userName, caPins, sshHostKeys, patternRoot } = settings;
  const values = [
    logServer.host,
    logServer.port,
    protocol,
    statusServer.host,
    statusServer.port,
    userName,
    password,
    proxy === null ? null : [proxy.kind, proxy.host, proxy.port, proxy.userName, proxy.password],
    [...caPins].sort(),
    [...sshHostKeys].sort(),
    patternRoot,
  ];
  return createHash("sha256").update(JSON.stringify(values), "utf8").digest("hex") as Sha256;
}

/** What of a registration decides whether it still holds. */
export interface Registered {
  userName: string;
  patternRoot: Sha256;
  /** By which the portal is known now. */
  caPins: readonly Sha256[];
  refused: boolean;
  expired: boolean;
}

/** Whether a registration made with the old values still is one with the new ones. */
export function needsRegistration(settings: PortalSettings, registered: Registered | null): boolean {
  if (registered === null || registered.refused || registered.expired) return true;
  // Its CA rolled over while we were away: what people pasted names one that the registration cannot know.
  const { caPins } = settings;
  if (caPins.length > 0 && !caPins.some((pin) => registered.caPins.includes(pin))) return true;
  return registered.userName !== settings.userName || registered.patternRoot !== settings.patternRoot;
}
