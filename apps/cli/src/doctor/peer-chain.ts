import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { type Address, chainOf, dialDirectly } from "@tms/link/lower";
import { AppError } from "@tms/records";

/**
 * The certificates that a TLS server shows, leaf first. Nothing is believed: the caller compares.
 *
 * @throws {AppError} What dialling throws; `link.protocol_wrong` if no handshake comes about.
 */
export async function chainAt(at: Address, signal: AbortSignal): Promise<X509Certificate[]> {
  const { socket } = await dialDirectly(at, { signal });
  const name = /^[0-9.]+$|:/.test(at.host) ? {} : { servername: at.host };
  const secure = connectTls({ socket, host: at.host, rejectUnauthorized: false, ...name });
  try {
    await once(secure, "secureConnect", { signal });
    return chainOf(secure.getPeerCertificate(true));
  } catch (error) {
    throw new AppError("link.protocol_wrong", { ...at }, { cause: error });
  } finally {
    secure.destroy();
    // A handshake that failed leaves the raw socket to whoever dialled it.
    socket.destroy();
  }
}
