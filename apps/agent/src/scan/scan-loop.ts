import type { ErrorCode } from "@tms/records";
import type { RegularRules } from "#app/patterns/index.ts";
import type { FileScanner, ScanReport } from "./file-scanner.ts";

export interface ScanLoop {
  /** Something may have changed: scan soon. Many calls are one scan. */
  wake(): void;
  /** Scans now and waits for it; null while no regular pattern is in force. */
  scanNow(): Promise<ScanReport | null>;
  stop(): Promise<void>;
}

/** What a look left out, so that nobody takes it for clean. */
export interface Unscanned {
  /** Files not scanned, by the reason's code. */
  codes: Partial<Record<ErrorCode, number>>;
  /** Some were not even looked at. */
  isCut: boolean;
}

/** A full look even without any hint: the watcher may lose events. */
const FULL_LOOK_MS = 60_000;

/** Scans whenever something changed, one scan at a time. */
export function createScanLoop(deps: {
  scanner: FileScanner;
  rules: () => RegularRules | null;
  onReport: (report: ScanReport, rules: RegularRules) => Promise<void>;
  /** Called when it differs from the look before. */
  onUnscanned: (unscanned: Unscanned) => void;
  onProblem: (error: unknown) => void;
}): ScanLoop {
  const stopped = new AbortController();
  let running: Promise<ScanReport | null> = Promise.resolve(null);
  let isWaiting = false;
  let told = JSON.stringify(unscannedIn({ problems: [], isCut: false }));

  async function scan(): Promise<ScanReport | null> {
    const rules = deps.rules();
    if (rules === null || stopped.signal.aborted) return null;
    const report = await deps.scanner.scan(rules.ruleSet, stopped.signal);
    tell(unscannedIn(report));
    await deps.onReport(report, rules);
    return report;
  }

  function tell(unscanned: Unscanned): void {
    const text = JSON.stringify(unscanned);
    if (text === told) return;
    told = text;
    deps.onUnscanned(unscanned);
  }

  function next(): Promise<ScanReport | null> {
    running = running.then(scan, scan);
    return running;
  }

  function wake(): void {
    if (isWaiting) return;
    isWaiting = true;
    // One scan waits behind the one that runs; it sees everything that changed until it begins.
    const before = running.catch(() => null); // told by whoever asked for it
    before
      .then(() => {
        isWaiting = false;
        return next();
      })
      .catch(deps.onProblem);
  }

  const timer = setInterval(wake, FULL_LOOK_MS);
  return {
    wake,
    scanNow: next,
    async stop() {
      clearInterval(timer);
      stopped.abort();
      await running.catch(deps.onProblem);
    },
  };
}

function unscannedIn({ problems, isCut }: Pick<ScanReport, "problems" | "isCut">): Unscanned {
  const codes: Unscanned["codes"] = {};
  // In one order, whatever the walk's was.
  for (const code of problems.map((one) => one.code).sort()) codes[code] = (codes[code] ?? 0) + 1;
  return { codes, isCut };
}
