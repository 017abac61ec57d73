import { request as httpsRequest } from "node:https";
import type { StoredIdentity } from "@tms/link/lower";

// One request to a mitigator's listener for agents, with the TLS identity of one of them.

export interface Speaker {
  identity: Pick<StoredIdentity, "certificatePem" | "caPem">;
  keys: { tlsPrivatePem: string };
}

export interface LinkCall {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export function callLink(
  port: number,
  as: Speaker,
  sent: LinkCall,
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const { certificatePem: cert, caPem: ca } = as.identity;
    const { method, path, headers = {} } = sent;
    const options = { host: "127.0.0.1", port, method, path, headers, cert, ca, key: as.keys.tlsPrivatePem };
    const outgoing = httpsRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(sent.body);
  });
}
