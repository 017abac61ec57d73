import { randomUUID } from "node:crypto";
import { Agent, request } from "node:https";
import type { HeartbeatAnswer, RegisterAnswer } from "@tms/contracts/link";
import { newId, type ProductId, STREAMS } from "@tms/records";
import { positionText, signBytes } from "@tms/signing";
import type { MemberKeys } from "./member-keys.ts";

export interface Server {
  host: string;
  port: number;
  caPem: string;
}

export interface Answered {
  status: number;
  body: string;
  retryAfter: string | null;
}

/** A product with a connection of its own, and its requests written by hand: the sender must not cost more than the server. */
export class Member {
  readonly keys: MemberKeys;
  readonly #address: string;
  readonly #start = randomUUID();
  #agent: Agent | null = null;
  #certificatePem: string | null = null;
  #body: { before: string; after: string } | null = null;
  #counter = 0;
  #challenge: string | null = null;

  /** @param number Decides the loopback address that it comes from: limits count by address. */
  constructor(number: number, keys: MemberKeys) {
    this.keys = keys;
    this.#address = `127.1.${Math.floor(number / 250) % 250}.${(number % 250) + 1}`;
  }

  /** @returns the answer's status; the identity is kept if it is 200. */
  async register(server: Server, credentials: { userName: string; password: string }): Promise<Answered> {
    const { instanceId, certificateRequest, sshPublicKey, signingKey } = this.keys;
    const body = JSON.stringify({
      v: "link/1",
      credentials: { kind: "password", ...credentials },
      kind: "mitigator",
      version: "1.0.0",
      host: "bench",
      instanceId,
      pinned: true,
      certificateRequest,
      sshPublicKey,
      signingKey,
    });
    const answered = await this.#post({ ...server, path: "/link/v1/register" }, body);
    this.close();
    if (answered.status === 200) this.#adopt(JSON.parse(answered.body) as RegisterAnswer);
    return answered;
  }

  #adopt({ product, certificate }: RegisterAnswer): void {
    this.#certificatePem = certificate;
    const marker = "COUNTER";
    const text = JSON.stringify({
      v: "link/1",
      start: this.#start,
      earlierStarts: [],
      version: "1.0.0",
      host: "bench",
      instanceId: this.keys.instanceId,
      localTime: new Date().toISOString(),
      ready: { ok: true, reasons: [] },
      sending: "on",
      agents: 20,
      streams: STREAMS.map((stream) => this.#position(product, stream)),
      outcomes: [],
      counter: marker,
    });
    const [before = "", after = ""] = text.split(`"${marker}"`);
    this.#body = { before, after };
  }

  #position(product: ProductId, stream: (typeof STREAMS)[number]) {
    const place = { stream, epoch: newId<never>(), sealedTo: 0, head: null };
    const text = positionText({ product, ...place });
    const signature = signBytes(this.keys.signingPrivatePem, Buffer.from(text, "utf8")).toString("base64");
    return { ...place, spooledBytes: 0, oldestAt: null, signature };
  }

  /** One heartbeat, over the connection that is open or over a new one. */
  async heartbeat(server: Server, waitSeconds = 0): Promise<Answered> {
    if (this.#body === null) throw new Error("not registered");
    this.#counter += 1;
    const { before, after } = this.#body;
    const challenge = this.#challenge === null ? "" : `,"challenge":${JSON.stringify(this.#challenge)}`;
    const body = `${before}${this.#counter},"waitSeconds":${waitSeconds}${challenge}${after}`;
    const answered = await this.#post({ ...server, path: "/link/v1/heartbeat" }, body);
    if (answered.body.includes('"challenge":"')) {
      this.#challenge = (JSON.parse(answered.body) as HeartbeatAnswer).challenge ?? this.#challenge;
    }
    return answered;
  }

  /** Ends the connection; the next request opens another one. */
  close(): void {
    this.#agent?.destroy();
    this.#agent = null;
  }

  #post(to: Server & { path: string }, body: string): Promise<Answered> {
    this.#agent ??= new Agent({
      keepAlive: true,
      maxSockets: 1,
      ca: to.caPem,
      minVersion: "TLSv1.3",
      // Each new connection pays for a whole handshake, at the bare server too.
      maxCachedSessions: 0,
      ...(this.#certificatePem === null ? {} : { cert: this.#certificatePem, key: this.keys.tlsPrivatePem }),
    });
    const agent = this.#agent;
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: to.host,
          port: to.port,
          path: to.path,
          method: "POST",
          agent,
          localAddress: this.#address,
          headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
          timeout: REQUEST_TIMEOUT_MS,
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on("data", (part: Buffer) => parts.push(part));
          answer.once("error", reject);
          answer.once("end", () =>
            resolve({
              status: answer.statusCode ?? 0,
              body: Buffer.concat(parts).toString("utf8"),
              retryAfter: answer.headers["retry-after"] ?? null,
            }),
          );
        },
      );
      asked.once("error", reject);
      asked.once("timeout", () => asked.destroy(new Error("no answer in time")));
      asked.end(body);
    });
  }
}

/** Longer than any long poll. */
const REQUEST_TIMEOUT_MS = 70_000;
