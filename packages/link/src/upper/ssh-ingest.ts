import { streamSchema } from "@tms/contracts/link";
import { AppError, isSha256, type Sha256, type Stream } from "@tms/records";
import type { ServerChannel } from "ssh2";
import { problemOf } from "./link-problem.ts";
import type { Peer } from "./peer.ts";
import { peerNow } from "./ssh-log-on.ts";
import type { SshSession } from "./ssh-session.ts";

// `exec tms-ingest`: frames up, one answer line down per frame.
// A frame is `<sha256> <stream> <length>\n` and then exactly `length` bytes: one batch.

const MAX_PREFIX_BYTES = 160;
/** A frame over the batch limit is still read to its end, so that it gets its answer; beyond this it is malformed. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

interface FramePrefix {
  digest: Sha256;
  stream: Stream;
  length: number;
}

/** Runs until the client ends the channel. @returns the exit status. */
export async function runIngest(channel: ServerChannel, session: SshSession): Promise<number> {
  const { who, deps } = session;
  if (who.kind !== "product") return 1;
  const source = new ChannelBytes(channel);
  try {
    for (;;) {
      // A sender that only listens is told as well.
      const prefix = await Promise.race([readPrefix(source), session.refused]);
      if (prefix === null) return 0;
      const peer = await peerNow(who, deps);
      const stated = { stream: prefix.stream, statedDigest: prefix.digest, protocol: "ssh" as const };
      await admitFrame(peer, { session, body: source.exactly(prefix.length) });
      const answer = await deps.intake.receive(peer, stated, source.exactly(prefix.length));
      channel.write(`${JSON.stringify(answer)}\n`);
    }
  } catch (error) {
    channel.write(`${JSON.stringify(problemOf(error, ""))}\n`);
    if (!(error instanceof AppError)) deps.log?.warn({ err: error }, "ssh ingest failed");
    return 1;
  }
}

/** A refused frame is read to its end, so that the sender gets the answer and not a reset. */
async function admitFrame(peer: Peer, of: { session: SshSession; body: AsyncIterable<Uint8Array> }): Promise<void> {
  try {
    await of.session.deps.identity.admitRequest?.(peer);
  } catch (error) {
    for await (const _ of of.body);
    throw error;
  }
}

async function readPrefix(source: ChannelBytes): Promise<FramePrefix | null> {
  const line = await source.line(MAX_PREFIX_BYTES);
  if (line === null) return null;
  const [digest = "", stream = "", length = "", ...more] = line.split(" ");
  const parsed = streamSchema.safeParse(stream);
  const bytes = /^[1-9]\d{0,8}$/.test(length) ? Number(length) : 0;
  if (!isSha256(digest) || !parsed.success || bytes === 0 || bytes > MAX_FRAME_BYTES || more.length > 0) {
    throw new AppError("batch.length_malformed", { bytes: line.length });
  }
  return { digest, stream: parsed.data, length: bytes };
}

/** Pulls bytes from a channel as they are needed; the channel's own window is the back pressure. */
class ChannelBytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(channel: ServerChannel) {
    this.#chunks = (channel as unknown as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** A line without its newline; null at a clean end. */
  async line(maxBytes: number): Promise<string | null> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end >= 0 && end <= maxBytes) {
        const text = this.#held.subarray(0, end).toString("ascii");
        this.#held = this.#held.subarray(end + 1);
        return text;
      }
      if (this.#held.length > maxBytes) throw new AppError("batch.length_malformed", { held: this.#held.length });
      if (!(await this.#more())) {
        if (this.#held.length === 0) return null;
        throw new AppError("batch.length_malformed", { reason: "ended inside a prefix" });
      }
    }
  }

  async *exactly(length: number): AsyncGenerator<Buffer> {
    let left = length;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) return;
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return true;
  }
}
