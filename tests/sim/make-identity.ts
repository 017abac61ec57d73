import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Peer } from "@tms/link/upper";
import type { CustomerId, ProductId } from "@tms/records";
import type { Random } from "./random.ts";

export interface LowerIdentity {
  peer: Peer;
  instanceId: string;
  keys: { signingPrivatePem: string };
}

/** PKCS#8 of an Ed25519 key up to its 32 secret bytes. Source: RFC 8410, section 7. */
const ED25519_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

export function makeIdentity(random: Random, customer: CustomerId): LowerIdentity {
  const der = Buffer.concat([ED25519_PREFIX, random.bytes(32)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const signingKeySpki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    peer: {
      customer,
      product: random.uuid<ProductId>(),
      endpoint: null,
      kind: "mitigator",
      signingKeySpki,
      customerExpired: false,
    },
    instanceId: random.uuid(),
    keys: { signingPrivatePem: key.export({ format: "pem", type: "pkcs8" }).toString() },
  };
}
