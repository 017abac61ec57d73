import { createHash } from "node:crypto";
import type { Sha256 } from "@tms/records";

export interface Address {
  host: string;
  port: number;
}

/** The values of the settings page, without the password (domain, section 4). */
export interface PortalSettings {
  sending: boolean;
  logServer: Address;
  protocol: "ssh" | "ssl";
  statusServer: Address;
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
 * Digest of what a connection test is about: addresses, protocol, credentials and what is trusted. Name, email and the
 * switch are not part of it, because no test could say anything about them.
 */
export function digestOfTested(settings: PortalSettings, password: string): Sha256 {
  const { logServer, protocol, statusServer, userName, caPins, sshHostKeys, patternRoot } = settings;
  const values = [
    logServer.host,
    logServer.port,
    protocol,
    statusServer.host,
    statusServer.port,
    userName,
    password,
    [...caPins].sort(),
    [...sshHostKeys].sort(),
    patternRoot,
  ];
  return createHash("sha256").update(JSON.stringify(values), "utf8").digest("hex") as Sha256;
}

/** Whether a registration made with the old values still is one with the new ones. */
export function needsRegistration(
  settings: PortalSettings,
  registered: { userName: string; patternRoot: Sha256; refused: boolean } | null,
): boolean {
  if (registered === null || registered.refused) return true;
  return registered.userName !== settings.userName || registered.patternRoot !== settings.patternRoot;
}
