import { X509Certificate } from "node:crypto";
import { connectionDetailsSchema } from "@tms/contracts/link";
import { hashOfSpki } from "@tms/link";
import { AppError, isSha256, type Sha256 } from "@tms/records";
import { readInput } from "../shell/files.ts";

/**
 * The CAs that a person trusts: a pin as connection details show it, the connection details themselves, or the CA's own
 * certificate.
 *
 * @throws {AppError} `cli.usage`, `cli.input_unreadable`
 */
export async function readRoots(root: string): Promise<Sha256[]> {
  if (isSha256(root)) return [root];
  const text = (await readInput(root, { maxBytes: 1_000_000 })).toString("utf8");
  const details = connectionDetailsSchema.safeParse(parsed(text));
  if (details.success) return details.data.caPins;
  try {
    return [spkiOf(new X509Certificate(text))];
  } catch (error) {
    throw new AppError("cli.usage", { root }, { cause: error });
  }
}

export function spkiDerOf(certificate: X509Certificate): Buffer {
  return certificate.publicKey.export({ type: "spki", format: "der" });
}

export function spkiOf(certificate: X509Certificate): Sha256 {
  return hashOfSpki(spkiDerOf(certificate));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: it may be PEM, and the caller tries that.
    return null;
  }
}
