import { generateKeyPairSync, randomUUID } from "node:crypto";
import { makeCertificateRequest } from "@tms/link/lower";
import { makeEd25519 } from "@tms/signing";

/** What a product brings to its registration, made before anything is timed. */
export interface MemberKeys {
  instanceId: string;
  tlsPrivatePem: string;
  certificateRequest: string;
  sshPublicKey: string;
  signingPrivatePem: string;
  /** SPKI, base64. */
  signingKey: string;
}

export async function makeMemberKeys(): Promise<MemberKeys> {
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tlsPrivatePem = tls.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signing = makeEd25519();
  return {
    instanceId: randomUUID(),
    tlsPrivatePem,
    certificateRequest: await makeCertificateRequest(tlsPrivatePem),
    sshPublicKey: makeSshPublicKey(),
    signingPrivatePem: signing.privatePkcs8Pem,
    signingKey: signing.publicSpki.toString("base64"),
  };
}

const SPKI_HEAD_BYTES = 12;
const SSH_TYPE = "ssh-ed25519";

/** A fresh key in OpenSSH's form (RFC 8709); nobody logs on with it. */
function makeSshPublicKey(): string {
  const raw = makeEd25519().publicSpki.subarray(SPKI_HEAD_BYTES);
  const field = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return `${SSH_TYPE} ${Buffer.concat([field(Buffer.from(SSH_TYPE)), field(raw)]).toString("base64")}`;
}
