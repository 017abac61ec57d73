import { AppError } from "@tms/records";
import type { Address } from "./dial/address.ts";
import { dialSsh } from "./dial-ssh.ts";

/**
 * Looks at the host key that an SSH server shows, and leaves before any log-on.
 *
 * @returns Its OpenSSH fingerprint.
 * @throws {AppError} What dialling throws; `link.protocol_wrong` for a server of something else.
 */
export async function probeHostKey(to: Address, options: { signal?: AbortSignal | undefined } = {}): Promise<string> {
  // Nobody's key has this fingerprint: the handshake ends at the key that was shown.
  const none = { username: "probe", hostKeys: ["SHA256:"] };
  try {
    const client = await dialSsh(to, none, options);
    client.destroy();
  } catch (error) {
    if (error instanceof AppError && error.code === "link.pin_mismatch" && typeof error.details.found === "string") {
      return error.details.found;
    }
    throw error;
  }
  throw new AppError("link.protocol_wrong", { ...to, reason: "no host key was shown" });
}
