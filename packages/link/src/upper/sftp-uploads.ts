import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BatchAnswer, streamSchema } from "@tms/contracts/link";
import { AppError, isSha256, isUuid, type ProductId } from "@tms/records";
import { BATCH_LIMITS } from "../batch/batch-limits.ts";
import type { StatedBatch } from "./batch-intake.ts";
import { problemOf } from "./link-problem.ts";
import { peerNow } from "./ssh-log-on.ts";
import type { SshSession } from "./ssh-session.ts";

interface Upload {
  path: string;
  file: FileHandle | null;
  sizeBytes: number;
}

/** Names a client may hold at once; a batch needs one. */
const MAX_UPLOADS = 8;
const MAX_ANSWERS = 10_000;

/** The files that one SFTP channel is putting; they are gone when it ends, unless a rename committed them. */
export class SftpUploads {
  readonly #session: SshSession;
  readonly #uploads = new Map<string, Upload>();
  #inFlightBytes = 0;

  constructor(session: SshSession) {
    this.#session = session;
  }

  sizeOf(name: string): number | null {
    return this.#uploads.get(name)?.sizeBytes ?? null;
  }

  /** What `/out/position.json` holds: the last answer to this product, whatever the channel. */
  lastAnswer(): Buffer {
    const { who, answers } = this.#session;
    const known = who.kind === "product" ? answers.get(who.peer.product) : undefined;
    return Buffer.from(known ?? `{"name":null,"answer":null}\n`, "utf8");
  }

  async open(name: string, how: { truncate: boolean }): Promise<void> {
    const known = this.#uploads.get(name);
    if (known !== undefined) {
      known.file ??= await open(known.path, "r+");
      if (how.truncate) {
        await known.file.truncate(0);
        known.sizeBytes = 0;
      }
      return;
    }
    if (this.#uploads.size >= MAX_UPLOADS) throw new AppError("request.rate_limited", { uploads: MAX_UPLOADS });
    const directory = this.#session.deps.intake.incoming;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `sftp-${randomBytes(16).toString("hex")}`);
    this.#uploads.set(name, { path, file: await open(path, "wx+", 0o600), sizeBytes: 0 });
  }

  async write(name: string, part: { offset: number; data: Buffer }): Promise<void> {
    const upload = this.#uploads.get(name);
    const end = part.offset + part.data.length;
    if (upload?.file == null || end > BATCH_LIMITS.batchBytes) throw new AppError("batch.too_large", { end });
    const { socket, deps } = this.#session;
    this.#inFlightBytes += part.data.length;
    if (this.#inFlightBytes > deps.limits.inFlightBytes) socket.pause();
    try {
      await upload.file.write(part.data, 0, part.data.length, part.offset);
      upload.sizeBytes = Math.max(upload.sizeBytes, end);
    } finally {
      this.#inFlightBytes -= part.data.length;
      if (this.#inFlightBytes <= deps.limits.inFlightBytes) socket.resume();
    }
  }

  async close(name: string): Promise<void> {
    const upload = this.#uploads.get(name);
    await upload?.file?.close();
    if (upload !== undefined) upload.file = null;
  }

  /** The commit: hands the file to the intake under the name's digest. */
  async commit(name: string, final: string): Promise<BatchAnswer> {
    const upload = this.#uploads.get(name);
    const { who, deps } = this.#session;
    const stated = statedBy(final);
    if (upload === undefined || stated === null || who.kind !== "product") {
      throw new AppError("request.malformed", { reason: "the name is not <stream>.<epoch>.<first>.<sha256>" });
    }
    await this.close(name);
    const peer = await peerNow(who, deps);
    let answer: BatchAnswer;
    try {
      await deps.identity.admitRequest?.(peer);
      answer = await deps.intake.receive(peer, stated, createReadStream(upload.path));
    } catch (error) {
      // Clients show any refusal as "Failure": why, and when to come again, is read from the last answer.
      const problem = problemOf(error, "");
      remember(this.#session.answers, peer.product, JSON.stringify({ name: final, answer: null, problem }));
      throw error;
    }
    this.#uploads.delete(name);
    await rm(upload.path, { force: true });
    remember(this.#session.answers, peer.product, JSON.stringify({ name: final, answer }));
    return answer;
  }

  /** The channel ended: what was not committed never happened. */
  async discard(): Promise<void> {
    for (const [name, upload] of [...this.#uploads]) {
      this.#uploads.delete(name);
      await upload.file?.close().catch(() => undefined);
      await rm(upload.path, { force: true });
    }
  }
}

/** Bounded by forgetting the oldest: whoever asks long after sees no answer and sends again. */
function remember(lastAnswers: Map<ProductId, string>, product: ProductId, text: string): void {
  lastAnswers.delete(product);
  lastAnswers.set(product, `${text}\n`);
  const oldest = lastAnswers.keys().next();
  if (lastAnswers.size > MAX_ANSWERS && oldest.done !== true) lastAnswers.delete(oldest.value);
}

function statedBy(final: string): StatedBatch | null {
  const [stream = "", epoch = "", first = "", digest = "", ...more] = final.split(".");
  const parsed = streamSchema.safeParse(stream);
  if (!parsed.success || !isUuid(epoch) || !/^\d{1,16}$/.test(first) || !isSha256(digest) || more.length > 0) {
    return null;
  }
  return {
    stream: parsed.data,
    statedDigest: digest,
    statedPlace: { epoch, first: Number(first) },
    protocol: "ssh",
  };
}
