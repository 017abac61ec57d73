import { once } from "node:events";
import type { BatchAnswer } from "@tms/contracts/link";
import { AppError, type Stream } from "@tms/records";
import type ssh2 from "ssh2";
import type { ClientChannel } from "ssh2";
import { type BatchTransport, type LogServerAddress, readBatchAnswer } from "./batch-transport.ts";
import type { Dial } from "./dial/dial.ts";
import { dialSsh, errorOfAnswerLine } from "./dial-ssh.ts";
import { LineReader } from "./line-reader.ts";
import type { LowerKeys } from "./lower-keys.ts";
import type { StoredIdentity } from "./register-lower.ts";
import type { SpooledBatch } from "./spool/spool-port.ts";
import { StallTimer } from "./stall-timer.ts";

/** Without any progress; the upper party decodes, syncs and commits meanwhile. */
const ANSWER_TIMEOUT_MS = 120_000;

interface Session {
  client: ssh2.Client;
  /** One ingest channel a stream, because one batch a stream is in flight. */
  channels: Map<Stream, { channel: ClientChannel; lines: LineReader }>;
}

/** Sends batches as frames to `exec tms-ingest`; one connection serves all streams and is dialled anew after a failure. */
export class SshBatchTransport implements BatchTransport {
  readonly #to: LogServerAddress;
  readonly #who: { keys: LowerKeys; identity: StoredIdentity; dial: Dial };
  #session: Promise<Session> | null = null;

  constructor(to: LogServerAddress, who: { keys: LowerKeys; identity: StoredIdentity; dial: Dial }) {
    this.#to = to;
    this.#who = who;
  }

  async send(stream: Stream, batch: SpooledBatch, signal: AbortSignal): Promise<BatchAnswer> {
    const stall = new StallTimer(ANSWER_TIMEOUT_MS, signal);
    try {
      const { channel, lines } = await this.#channelOf(stream, stall.signal);
      channel.write(`${batch.digest} ${stream} ${batch.bytes.length}\n`);
      await writeWatched(channel, batch.bytes, stall);
      const line = await lines.next(stall.signal);
      const refusal = errorOfAnswerLine(line);
      if (refusal !== null) throw refusal;
      return readBatchAnswer(line);
    } catch (error) {
      await this.close();
      if (error instanceof AppError) throw error;
      const code = stall.stalled ? "link.timeout" : "link.unreachable";
      throw new AppError(code, { host: this.#to.host }, { cause: error });
    } finally {
      stall.end();
    }
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    // A session that never came about has nothing to close.
    const open = await session.catch(() => null);
    open?.client.end();
    open?.client.destroy();
  }

  async #channelOf(stream: Stream, signal: AbortSignal) {
    this.#session ??= this.#connect(signal);
    const session = await this.#session;
    const known = session.channels.get(stream);
    if (known?.channel.writable) return known;
    const channel = await openChannel(session.client, "tms-ingest");
    const made = { channel, lines: new LineReader(channel) };
    session.channels.set(stream, made);
    return made;
  }

  async #connect(signal: AbortSignal): Promise<Session> {
    const client = await dialSsh(
      this.#to,
      {
        username: this.#who.identity.product,
        privateKey: this.#who.keys.sshPrivateKey,
        hostKeys: this.#who.identity.sshHostKeys,
      },
      { signal, dial: this.#who.dial },
    );
    client.once("close", () => {
      this.#session = null;
    });
    return { client, channels: new Map() };
  }
}

const SLICE_BYTES = 65_536;

async function writeWatched(channel: ClientChannel, bytes: Buffer, stall: StallTimer): Promise<void> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (!channel.write(bytes.subarray(at, at + SLICE_BYTES))) await once(channel, "drain", { signal: stall.signal });
    stall.progress();
  }
}

export function openChannel(client: ssh2.Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(new AppError("link.refused", { command }, { cause: error }));
    });
  });
}
