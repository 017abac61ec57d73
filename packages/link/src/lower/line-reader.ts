import type { Readable } from "node:stream";
import { AppError } from "@tms/records";

const MAX_LINE_BYTES = 16_384;

/** Reads answers, one line each, from a channel. */
export class LineReader {
  #held = "";
  #lines: string[] = [];
  #failure: AppError | null = null;
  #waiting: (() => void) | null = null;

  constructor(source: Readable) {
    source.setEncoding("utf8");
    source.on("data", (text: string) => this.#take(text));
    source.once("close", () => this.#fail(new AppError("link.unreachable", { reason: "the channel closed" })));
    source.once("error", (error) => this.#fail(new AppError("link.unreachable", {}, { cause: error })));
  }

  async next(signal: AbortSignal): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      if (signal.aborted) throw new AppError("link.timeout", {}, { cause: signal.reason });
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.#lines.shift() ?? "";
  }

  #take(text: string): void {
    const parts = (this.#held + text).split("\n");
    this.#held = parts.pop() ?? "";
    if (this.#held.length > MAX_LINE_BYTES) this.#fail(new AppError("link.unreachable", { reason: "answer too long" }));
    this.#lines.push(...parts);
    this.#waiting?.();
  }

  #fail(failure: AppError): void {
    this.#failure ??= failure;
    this.#waiting?.();
  }
}
