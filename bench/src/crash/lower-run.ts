import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LowerJob, LowerNews } from "./lower-process.ts";

/** One incarnation of the lower party. */
export class LowerRun {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #isDone = false;
  #failure: string | null = null;

  constructor(job: LowerJob) {
    this.#child = fork(join(import.meta.dirname, "lower-process.ts"), [JSON.stringify(job)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const said: string[] = [];
    this.#child.stderr?.on("data", (part: Buffer) => said.push(part.toString("utf8")));
    this.#child.on("message", (news: LowerNews) => {
      if (news === "done") this.#isDone = true;
    });
    this.#child.once("exit", (code, signal) => {
      if (signal !== "SIGKILL" && !this.#isDone) this.#failure = `exit ${code}: ${said.join("").slice(-600)}`;
    });
    this.#ended = once(this.#child, "exit");
  }

  /** All of the work is done. @throws {Error} if it ended without. */
  get isDone(): boolean {
    if (this.#failure !== null) throw new Error(`the lower party ended: ${this.#failure}`);
    return this.#isDone;
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#ended;
    if (!this.isDone) throw new Error("the lower party was killed");
  }
}
