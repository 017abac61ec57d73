import { request as httpsRequest } from "node:https";
import type { FakeAgent } from "@tms/testkit";
import type { PortalUnderTest } from "./portal-under-test.contract.ts";

// One request to a link listener of a portal under test, as any product or as nobody.

export interface LinkAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  code: string | null;
}

export interface LinkRequest {
  to?: "status" | "ssl";
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** With the TLS identity of `as`; null: without any. */
export function callLink(portal: PortalUnderTest, as: FakeAgent | null, sent: LinkRequest): Promise<LinkAnswer> {
  const listener = sent.to === "ssl" ? portal.ready.logServer?.ssl : portal.ready.statusServer;
  const who = as === null ? {} : { cert: as.identity.certificatePem, key: as.keys.tlsPrivatePem };
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: "127.0.0.1",
        port: listener?.port,
        method: sent.method,
        path: sent.path,
        headers: sent.headers ?? {},
        ca: portal.caPem,
        ...who,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => {
          const body = Buffer.concat(chunks);
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body, code: codeIn(body) });
        });
        incoming.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(sent.body);
  });
}

/** The problem's code; null if the answer has none. */
export function codeIn(body: Buffer): string | null {
  try {
    return (JSON.parse(body.toString("utf8")) as { code?: string }).code ?? null;
  } catch {
    return null; // Not every answer is JSON; then it has no code.
  }
}
