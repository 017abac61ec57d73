import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { AppError } from "@tms/records";
import { SLOW_CODES } from "./diagnostics.ts";
import { type Runner, type RunnerEvents, startNativeRunner, startWasmRunner } from "./runner.ts";
import type { RunnerReply, RunnerRequest } from "./runner-protocol.ts";
import type { Diagnostic, Match, RuleSet, RuleSource, ScanEngine, ScanInput, ScanLimits } from "./scan-engine.ts";

// I1  One request at a time; its deadline ends in SIGKILL (worker: terminate) and a fresh runner.
// I2  A fresh runner gets a rule set again before the first scan with it: callers never see a restart.
// I3  Sources and counts are bounded before they reach the compiler.

/** Compiling is bounded apart from scanning: 5,969 public rules took 13 s in WebAssembly (notes/endpoint.md, 1.2). */
const COMPILE_DEADLINE_MS = 60_000;
const START_DEADLINE_MS = 20_000;
const MAX_RULE_SOURCES = 10_000;
const MAX_SOURCE_BYTES = 32 * 1024 * 1024;
/** The WebAssembly build leaks about 66 MB per 1,000 scans (notes/endpoint.md, 1.2), so its worker is replaced. */
const WASM_SCANS_PER_RUNNER = 800;
/** The native binding keeps memory over repeated compiles; a child is replaced long before that matters. */
const NATIVE_SCANS_PER_RUNNER = 200_000;

type RequestBody =
  | { op: "validate"; rules: readonly RuleSource[] }
  | { op: "load"; set: string; rules: readonly RuleSource[] }
  | { op: "scan"; set: string; input: ScanInput; maxBytes: number; deadlineMs: number };

/**
 * Starts a scan engine. `auto` takes the native binding where its optional package is installed.
 *
 * @throws {AppError} `start.package_missing` for `native` without its package, `scan.engine_failed` if no runner starts.
 */
export async function createScanEngine(options: { kind: "native" | "wasm" | "auto" }): Promise<ScanEngine> {
  const hasNative = nativePackageIsThere();
  if (options.kind === "native" && !hasNative) {
    throw new AppError("start.package_missing", { package: "@litko/yara-x-linux-x64-gnu" });
  }
  const kind = options.kind === "auto" ? (hasNative ? "native" : "wasm") : options.kind;
  const host = new RunnerHost(kind);
  await host.ensureStarted();
  return {
    id: kind,
    validate: (rules) => host.validate(rules),
    load: (rules) => host.load(rules),
    scan: (ruleSet, input, limits) => host.scan(ruleSet, input, limits),
    close: () => host.close(),
  };
}

function nativePackageIsThere(): boolean {
  try {
    createRequire(import.meta.url).resolve("@litko/yara-x-linux-x64-gnu");
    return true;
  } catch {
    // An optional dependency that this platform does not have: the answer, not a failure.
    return false;
  }
}

class RunnerHost {
  readonly #kind: "native" | "wasm";
  #runner: { runner: Runner; sets: Set<string>; scans: number } | null = null;
  #waiting: { id: number; resolve(reply: RunnerReply): void; reject(error: AppError): void } | null = null;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;
  #lastId = 0;

  constructor(kind: "native" | "wasm") {
    this.#kind = kind;
  }

  ensureStarted(): Promise<void> {
    return this.#serially(async () => {
      await this.#started();
    });
  }

  validate(rules: readonly RuleSource[]): Promise<Diagnostic[]> {
    checkBounds(rules);
    return this.#serially(() => this.#diagnose({ op: "validate", rules }));
  }

  load(rules: readonly RuleSource[]): Promise<RuleSet> {
    checkBounds(rules);
    const kept = rules.map((rule) => ({ id: rule.id, source: rule.source }));
    const set = { id: createHash("sha256").update(JSON.stringify(kept)).digest("hex"), rules: kept };
    return this.#serially(async () => {
      await this.#loadInto(set);
      return set;
    });
  }

  scan(ruleSet: RuleSet, input: ScanInput, limits: ScanLimits): Promise<Match[]> {
    return this.#serially(async () => {
      const current = await this.#started();
      if (!current.sets.has(ruleSet.id)) await this.#loadInto(ruleSet);
      const perRunner = this.#kind === "wasm" ? WASM_SCANS_PER_RUNNER : NATIVE_SCANS_PER_RUNNER;
      const { maxBytes, deadlineMs } = limits;
      const reply = await this.#ask({ op: "scan", set: ruleSet.id, input, maxBytes, deadlineMs }, deadlineMs);
      if (this.#runner !== null && ++this.#runner.scans >= perRunner) await this.#drop();
      if (reply.kind !== "matches") throw new AppError("scan.engine_failed", { reply: reply.kind });
      return reply.matches;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  async #loadInto(set: RuleSet): Promise<void> {
    const diagnostics = await this.#diagnose({ op: "load", set: set.id, rules: set.rules });
    const errors = diagnostics.filter((entry) => entry.severity === "error");
    if (errors.length > 0) {
      const slow = errors.every((entry) => SLOW_CODES.includes(entry.code));
      throw new AppError(slow ? "pattern.rule_slow" : "pattern.rule_invalid", { diagnostics: errors.slice(0, 20) });
    }
    this.#runner?.sets.add(set.id);
  }

  async #diagnose(body: RequestBody): Promise<Diagnostic[]> {
    const reply = await this.#ask(body, COMPILE_DEADLINE_MS);
    if (reply.kind !== "diagnostics") throw new AppError("scan.engine_failed", { reply: reply.kind });
    return reply.diagnostics;
  }

  async #ask(body: RequestBody, deadlineMs: number): Promise<RunnerReply> {
    const { runner } = await this.#started();
    const request: RunnerRequest = { ...body, id: ++this.#lastId };
    const reply = await this.#reply(request.id, {
      deadlineMs,
      code: "scan.timeout",
      start: () => runner.send(request),
    });
    if (reply.kind === "failed") throw new AppError(reply.code, { why: reply.why });
    return reply;
  }

  async #started() {
    if (this.#closed) throw new AppError("scan.engine_failed", { why: "the engine is closed" });
    if (this.#runner !== null) return this.#runner;
    let runner: Runner | undefined;
    const events: RunnerEvents = {
      onReply: (reply) => this.#take(reply),
      onExit: (why) => {
        // Only the current runner's end is news; a replaced one was killed on purpose.
        if (this.#runner !== null && this.#runner.runner === runner) this.#fail(why);
      },
    };
    const start = (): void => {
      runner = this.#kind === "native" ? startNativeRunner(events) : startWasmRunner(events);
      this.#runner = { runner, sets: new Set(), scans: 0 };
    };
    await this.#reply(0, { deadlineMs: START_DEADLINE_MS, code: "scan.engine_failed", start });
    if (this.#runner === null) throw new AppError("scan.engine_failed", { why: "ended while it started" });
    return this.#runner as { runner: Runner; sets: Set<string>; scans: number };
  }

  #reply(
    id: number,
    wait: { deadlineMs: number; code: "scan.timeout" | "scan.engine_failed"; start: () => void },
  ): Promise<RunnerReply> {
    return new Promise<RunnerReply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = null;
        const error = new AppError(wait.code, { deadlineMs: wait.deadlineMs });
        this.#drop().then(() => reject(error), reject);
      }, wait.deadlineMs);
      this.#waiting = {
        id,
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      wait.start();
    });
  }

  #take(reply: RunnerReply): void {
    const waiting = this.#waiting;
    const id = reply.kind === "ready" ? 0 : reply.id;
    // An answer of a request that was given up belongs to nobody.
    if (waiting === null || waiting.id !== id) return;
    this.#waiting = null;
    waiting.resolve(reply);
  }

  #fail(why: string): void {
    this.#runner = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(new AppError("scan.engine_failed", { why }));
  }

  async #drop(): Promise<void> {
    const current = this.#runner;
    this.#runner = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(new AppError("scan.engine_failed", { why: "the engine was closed" }));
    await current?.runner.kill();
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(work, work);
    this.#tail = next.catch(() => undefined); // the caller gets the error from `next`; the queue only needs the end
    return next;
  }
}

function checkBounds(rules: readonly RuleSource[]): void {
  const bytes = rules.reduce((sum, rule) => sum + Buffer.byteLength(rule.source), 0);
  if (rules.length > MAX_RULE_SOURCES || bytes > MAX_SOURCE_BYTES) {
    throw new AppError("scan.rules_too_large", { rules: rules.length, bytes });
  }
}
