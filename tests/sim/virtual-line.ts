import { crc32 } from "node:zlib";
import { LOGS_PATH, linkHeartbeat } from "@tms/contracts/link";
import { type BatchTransport, type LinkParts, problemFrom, readBatchAnswer } from "@tms/link/lower";
import { AppError } from "@tms/records";
import type { Random } from "./random.ts";
import { flipped, never } from "./virtual-disk.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface LineRequest {
  path: string;
  /** What `Repr-Digest` would carry. */
  digest: string | null;
  body: Buffer;
}

export interface LineAnswer {
  status: number;
  body: Buffer;
}

/** Who answers at the upper end; `signal` is aborted when the caller is gone. */
export type Answering = (lower: number, request: LineRequest, signal: AbortSignal) => Promise<LineAnswer>;

export interface LineNature {
  latencyMs: number;
  jitterMs: number;
  /** Share of requests, and of answers, that get lost. */
  lossRatio: number;
}

/** Longest time until somebody learns that the other end was reset. */
const RESET_MS = 500;
const SEND_TIMEOUT_MS = 120_000;

/** The line between one lower party and the portal: bytes up, bytes down, each late, lost, cut or changed. */
export class VirtualLine {
  isCut = false;
  /** A cut line refuses at once, or swallows everything. */
  cutRefuses = false;
  /** The next batch loses a bit on its way. */
  corruptsNextBatch = false;
  onCorruption: () => void = () => undefined;
  readonly #deps: { time: VirtualTime; random: Random; nature: LineNature; lower: number; portal: Answering };

  constructor(deps: { time: VirtualTime; random: Random; nature: LineNature; lower: number; portal: Answering }) {
    this.#deps = deps;
  }

  /** What the shipped link speaks over, for one process. */
  partsFor(process: { alive: boolean }): Pick<LinkParts, "fetch" | "transport" | "baseUrl"> {
    const transport: BatchTransport = {
      send: async (stream, batch, signal) => {
        const request = { path: `${LOGS_PATH}/${stream}`, digest: batch.digest, body: this.#corrupted(batch.bytes) };
        const answer = await this.#call(process, request, { timeoutMs: SEND_TIMEOUT_MS, signal });
        const text = answer.body.toString("utf8");
        if (text.includes("urn:tms:error")) throw problemFrom({ ...answer, headers: {}, bytes: answer.body });
        return readBatchAnswer(text);
      },
      close: async () => undefined,
    };
    return {
      baseUrl: "https://portal.invalid",
      transport,
      fetch: (options) => async (_url, init) => {
        const body = Buffer.from(init.body ?? "", "utf8");
        const request = { path: linkHeartbeat.path, digest: null, body };
        const answer = await this.#call(process, request, options);
        return { status: answer.status, text: async () => answer.body.toString("utf8") };
      },
    };
  }

  #corrupted(bytes: Buffer): Buffer {
    if (!this.corruptsNextBatch) return bytes;
    this.corruptsNextBatch = false;
    this.onCorruption();
    const { random } = this.#deps;
    return flipped(bytes, random.between(0, bytes.length - 1), random.between(0, 7));
  }

  /** One exchange; it ends by an answer, a failure of the line, the caller's signal, or its own time. */
  async #call(
    process: { alive: boolean },
    request: LineRequest,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<LineAnswer> {
    if (!process.alive) return never();
    const { time } = this.#deps;
    const gone = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<LineAnswer>();
    const fail = (code: "link.unreachable" | "link.timeout") => {
      reject(new AppError(code, { host: "portal" }));
      // The other end learns of it as late as of everything else.
      time.after(this.#delayMs(), () => gone.abort("gone"));
    };
    const cancel = time.after(options.timeoutMs, () => fail("link.timeout"));
    const abort = () => fail("link.unreachable");
    options.signal.addEventListener("abort", abort, { once: true });
    if (options.signal.aborted) abort();
    void this.#exchange(request, gone.signal).then(
      (answer) => (answer === null ? undefined : resolve(answer)),
      () => fail("link.unreachable"),
    );
    try {
      return await promise;
    } finally {
      cancel();
      options.signal.removeEventListener("abort", abort);
      if (!process.alive) await never();
    }
  }

  /** null = nothing will ever come back. */
  async #exchange(request: LineRequest, gone: AbortSignal): Promise<LineAnswer | null> {
    const { time, random, lower, portal, nature } = this.#deps;
    if (this.isCut && this.cutRefuses) {
      await time.sleep(this.#delayMs());
      throw new AppError("link.unreachable", { reason: "ECONNREFUSED" });
    }
    await time.sleep(this.#delayMs());
    if (this.isCut || random.chance(nature.lossRatio)) return null;
    time.note(`up ${lower} ${request.path} ${request.body.length} ${crc32(request.body)}`);
    const answer = await portal(lower, request, gone).catch(() => null);
    await time.sleep(answer === null ? random.between(1, RESET_MS) : this.#delayMs());
    if (this.isCut || random.chance(nature.lossRatio)) return null;
    if (answer === null) throw new AppError("link.unreachable", { reason: "ECONNRESET" });
    time.note(`down ${lower} ${request.path} ${answer.status} ${answer.body.length} ${crc32(answer.body)}`);
    return answer;
  }

  #delayMs(): number {
    const { random, nature } = this.#deps;
    return nature.latencyMs + random.between(0, nature.jitterMs);
  }
}
