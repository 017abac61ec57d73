import { type AppError, ERRORS, isErrorCode } from "@tms/records";

export const CONNECTION_STEPS = [
  "name-look-up",
  "proxy",
  "tcp",
  "handshake",
  "credentials",
  "accepts",
  "clock-difference",
] as const;
export type ConnectionStep = (typeof CONNECTION_STEPS)[number];
export const LANES = ["logServer", "statusServer"] as const;
export type Lane = (typeof LANES)[number];

export interface StepReport {
  step: ConnectionStep;
  state: "waiting" | "running" | "ok" | "failed" | "not-needed" | "not-run";
  /** What was found: an address, a fingerprint, a difference. */
  fact: string;
  ms: number | null;
  code: string | null;
  text: string | null;
  cure: string | null;
}

/** The steps of one lane as a screen shows them. */
export class StepBoard {
  readonly steps: StepReport[];
  readonly #onStep: (steps: StepReport[]) => void;
  #running: { step: ConnectionStep; since: number } | null = null;

  constructor(onStep: (steps: StepReport[]) => void) {
    this.#onStep = onStep;
    this.steps = CONNECTION_STEPS.map((step) => ({
      step,
      state: "waiting",
      fact: "",
      ms: null,
      code: null,
      text: null,
      cure: null,
    }));
  }

  async step(step: ConnectionStep, work: () => Promise<string>): Promise<void> {
    await this.value(step, async () => ({ fact: await work() }));
  }

  async value<T extends { fact: string }>(step: ConnectionStep, work: () => Promise<T>): Promise<T> {
    this.#running = { step, since: performance.now() };
    this.#set(step, { state: "running" });
    const value = await work();
    this.#set(step, { state: "ok", fact: value.fact, ms: Math.round(performance.now() - this.#running.since) });
    this.#running = null;
    return value;
  }

  skip(step: ConnectionStep, fact: string): void {
    this.#set(step, { state: "not-needed", fact });
  }

  fail(error: AppError): void {
    const { text, cure } = ERRORS[isErrorCode(error.code) ? error.code : "link.refused"];
    const failed = this.#running;
    if (failed !== null) {
      const ms = Math.round(performance.now() - failed.since);
      this.#set(failed.step, { state: "failed", fact: factOf(error), ms, code: error.code, text, cure });
    }
    for (const one of this.steps) if (one.state === "waiting") this.#set(one.step, { state: "not-run" });
  }

  #set(step: ConnectionStep, change: Partial<StepReport>): void {
    const at = this.steps.findIndex((one) => one.step === step);
    const before = this.steps[at];
    if (before === undefined) return;
    this.steps[at] = { ...before, ...change };
    this.#onStep([...this.steps]);
  }
}

const MAX_FACT_CHARS = 300;

/** What was found instead, where that tells a person more than the sentence of the code. */
function factOf({ details }: AppError): string {
  const { issuer, found, target } = details;
  if (typeof issuer === "string") return bounded(`It showed a certificate by ${issuer.replaceAll("\n", ", ")}`);
  if (typeof found === "string") return bounded(`It showed ${found}`);
  return typeof target === "string" ? bounded(`Asked for ${target}`) : "";
}

function bounded(text: string): string {
  return text.slice(0, MAX_FACT_CHARS);
}
