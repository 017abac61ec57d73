import { join } from "node:path";
import type { Clock } from "@tms/records";
import { createScanEngine, type ScanEngine } from "@tms/scan-engine";
import { type AgentState, openAgentState } from "./assess/index.ts";
import { type CleanupRunner, createCleanupRunner, openHostKey, openJournal } from "./cleanup/index.ts";
import type { AgentConfig } from "./config.ts";
import { type AgentFolders, programFolders } from "./folders.ts";
import { FileScanner } from "./scan/index.ts";
import { createTelemetry, createWatchedPaths, realPath, type Telemetry, type WatchedPaths } from "./telemetry/index.ts";

/** The half of the agent that faces the endpoint: it works without any line to the mitigator. */
export interface EndpointSide {
  watched: WatchedPaths;
  crontabs: Buffer[];
  runner: CleanupRunner;
  engine: ScanEngine;
  scanner: FileScanner;
  state: AgentState;
  telemetry: Telemetry;
  /** `pathText` of the files in the chains that led to this one. */
  chainFiles(path: Buffer): string[];
}

export async function openEndpointSide(
  config: AgentConfig,
  folders: AgentFolders,
  deps: { clock: Clock; opened: AsyncDisposableStack; onChange: () => void; onProblem: (error: unknown) => void },
): Promise<EndpointSide> {
  const { clock, opened } = deps;
  const watched = createWatchedPaths(config.watch, folders.own);
  const crontabs = config.crontabs.map(realPath);
  const runner = createCleanupRunner({
    journal: openJournal(folders.journal),
    quarantine: {
      directory: folders.quarantine,
      hostKey: openHostKey(join(config.dataDir, "host.key")),
      stagingFolders: folders.staging,
      checkpoint: () => undefined,
      now: () => clock.now(),
    },
    confinement: {
      root: config.sandbox === null ? null : realPath(config.sandbox.root),
      own: [...watched.own, ...programFolders().map(realPath)],
    },
    clock,
  });
  // Before anything else looks at the endpoint: what a crash cut off is brought into a whole state.
  runner.recover();
  const engine = await createScanEngine({ kind: "auto" });
  opened.defer(() => engine.close());
  const state = openAgentState(join(config.dataDir, "state.db"));
  opened.defer(() => state.close());
  const { pollMs } = config;
  const { onChange, onProblem } = deps;
  const telemetry = createTelemetry({ watched, crontabs, pollMs, clock, onChange, onProblem });
  return {
    watched,
    crontabs,
    runner,
    engine,
    scanner: new FileScanner(engine, watched, clock),
    state,
    telemetry,
    chainFiles: (path) =>
      state
        .threats()
        .filter((threat) => threat.path.equals(path))
        .flatMap((threat) => state.parts(threat.threatId))
        .flatMap((part) => (part.kind === "file" ? [part.path] : [])),
  };
}
