import { LOGS_PATH } from "@tms/contracts/link";
import { type BatchTransport, readBatchAnswer } from "./batch-transport.ts";
import { type Address, hostInUrl } from "./dial/address.ts";
import type { Dial } from "./dial/dial.ts";
import { callLink, problemFrom } from "./link-http.ts";
import type { LowerKeys } from "./lower-keys.ts";
import type { StoredIdentity } from "./register-lower.ts";
import { createTlsAgent } from "./tls-client.ts";

/** Without any progress; the upper party decodes, syncs and commits meanwhile. */
const SEND_TIMEOUT_MS = 120_000;

/** Sends batches as `POST /link/v1/logs/{stream}`. */
export function createSslTransport(
  to: Address,
  who: { keys: LowerKeys; identity: StoredIdentity; dial: Dial },
): BatchTransport {
  const { keys, identity, dial } = who;
  const agent = createTlsAgent(
    { caPem: identity.caPem, certificatePem: identity.certificatePem, privateKeyPem: keys.tlsPrivatePem },
    { dial },
  );
  return {
    async send(stream, batch, signal) {
      const answer = await callLink(agent, {
        method: "POST",
        url: `https://${hostInUrl(to.host)}:${to.port}${LOGS_PATH}/${stream}`,
        headers: {
          "content-type": "application/vnd.tms.batch",
          "repr-digest": `sha-256=:${Buffer.from(batch.digest, "hex").toString("base64")}:`,
        },
        body: batch.bytes,
        timeoutMs: SEND_TIMEOUT_MS,
        signal,
      });
      const isProblem = String(answer.headers["content-type"]).includes("problem+json");
      if (isProblem) throw problemFrom(answer);
      return readBatchAnswer(answer.bytes.toString("utf8"));
    },
    close: () => agent.destroy(),
  };
}
