import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPatternMirror } from "@tms/link/lower";
import { type EndpointId, systemClock } from "@tms/records";
import { createScanEngine } from "@tms/scan-engine";
import type { Logger } from "pino";
import { createAssessor, openAgentState } from "./assess/index.ts";
import {
  createCleanupRunner,
  createEndpointSight,
  createPatternApplier,
  openHostKey,
  openJournal,
} from "./cleanup/index.ts";
import { createPackageCollector } from "./collect/index.ts";
import type { AgentConfig } from "./config.ts";
import { createDirectiveHandler, enrol, openMitigatorLink } from "./mitigator-link/index.ts";
import { createPatternSource, watchPatterns } from "./patterns/index.ts";
import { createScanLoop, FileScanner } from "./scan/index.ts";
import { createTelemetry, createWatchedPaths, realPath } from "./telemetry/index.ts";
import { AGENT_VERSION } from "./version.ts";

export interface RunningAgent {
  endpoint: EndpointId;
  close(): Promise<void>;
}

/** Puts the agent together and starts it; what was opened is closed in reverse, also when a later part fails. */
export async function startAgent(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<RunningAgent> {
  await using opened = new AsyncDisposableStack();
  const clock = systemClock;
  const { host } = config;
  const onProblem = (error: unknown): void => log.warn({ err: error }, "something failed and is tried again");

  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const folders = makeFolders(config);
  const crontabs = config.crontabs.map(realPath);
  const root = config.sandbox === null ? null : realPath(config.sandbox.root);
  const own = [config.dataDir, ...folders.stagingInWatch];
  const watched = createWatchedPaths(config.watch, own);

  const journal = openJournal(folders.journal);
  const quarantine = {
    directory: folders.quarantine,
    hostKey: openHostKey(join(config.dataDir, "host.key")),
    stagingFolders: [join(config.dataDir, "staging"), ...folders.stagingInWatch],
    checkpoint: () => undefined,
    now: () => clock.now(),
  };
  const confinement = { root, own: [...watched.own, ...programFolders().map(realPath)] };
  const runner = createCleanupRunner({ journal, quarantine, confinement, clock });
  // Before anything else looks at the endpoint: what a crash cut off is brought into a whole state.
  runner.recover();

  const enrolment = await enrol({
    directory: folders.identity,
    token: config.token,
    host,
    version: AGENT_VERSION,
    clock,
    signal,
  });
  const { endpoint, pins, keys } = enrolment;
  const { customer } = pins;
  const engine = await createScanEngine({ kind: "auto" });
  opened.defer(() => engine.close());
  const state = openAgentState(join(config.dataDir, "state.db"));
  opened.defer(() => state.close());

  const scanner = new FileScanner(engine, watched);
  const telemetry = createTelemetry({
    watched,
    crontabs,
    pollMs: config.pollMs,
    clock,
    onChange: () => loop.wake(),
    onProblem,
  });

  const mitigator = await openMitigatorLink({
    enrolment,
    spoolDirectory: folders.spool,
    host,
    version: AGENT_VERSION,
    ready: () =>
      patterns.rules() === null
        ? { ok: false, reasons: [{ code: "pattern.unknown", text: "No regular pattern is here yet." }] }
        : { ok: true, reasons: [] },
    onDirective: (directive) => handle(directive),
    onState: (link) => log.debug({ phase: link.phase }, "link"),
    clock,
    log,
  });
  opened.defer(() => mitigator.close());
  const { sink, link } = mitigator;

  const assessor = createAssessor({
    state,
    sink,
    endpoint,
    host,
    clock,
    telemetry: { events: () => telemetry.log.events(), lookNow: () => telemetry.lookNow() },
    onProblem,
  });
  opened.defer(() => assessor.stop());
  const loop = createScanLoop({
    scanner,
    rules: () => patterns.rules(),
    onReport: (report, rules) => assessor.onHits(report.hits, rules),
    onProblem,
  });
  opened.defer(() => loop.stop());

  const repository = createPatternMirror({
    directory: folders.patterns,
    patternRoot: pins.patternRoot,
    customer,
    fetch: {
      metadata: (name) => link.request.patternMetadata(name),
      target: (path) => link.request.patternTarget(path),
    },
    clock,
  });
  const patterns = createPatternSource({
    repository,
    engine,
    customer,
    endpoint,
    clock,
    onRules: (rules) => {
      log.info({ pattern: rules.pattern.id, version: rules.pattern.version }, "rules in force");
      assessor.resume(rules).catch(onProblem);
      loop.wake();
    },
  });

  const look = createEndpointSight({
    engine,
    scanner,
    telemetry,
    crontabs,
    chainFiles: (path) =>
      state
        .threats()
        .filter((threat) => threat.path.equals(path))
        .flatMap((threat) => state.parts(threat.threatId).flatMap((part) => (part.kind === "file" ? [part.path] : []))),
  });
  const shared = { patterns, state, sink, customer, endpoint, host, clock };
  const applier = createPatternApplier({
    ...shared,
    runner,
    look,
    consentKey: Buffer.from(pins.consentKey, "base64"),
    onProblem,
  });
  const collect = createPackageCollector({
    ...shared,
    directory: folders.packages,
    sources: {
      watched,
      crontabs,
      processes: () => telemetry.processes.all(),
      chainOf: (threat) => assessor.chainOf(threat),
    },
    recoveryRecipient: pins.recoveryRecipient,
    signingPrivatePem: keys.signingPrivatePem,
    upload: (upload) => link.request.uploadPackage({ ...upload, signal }),
    version: AGENT_VERSION,
  });
  const handle = createDirectiveHandler({
    allow: pins.allow,
    clock,
    work: {
      ...applier,
      collect,
      scan: async () => {
        const report = await loop.scanNow();
        return report === null ? "no rules are in force" : `${report.looked} files, ${report.hits.length} found`;
      },
      lookForPatterns: () => patterns.refresh(),
      sendNow: () => link.sendNow(),
    },
  });

  // A stored state that no longer verifies is fetched anew; without any the first refresh brings it.
  await patterns.load().catch(onProblem);
  await telemetry.start();
  opened.defer(() => telemetry.stop());
  link.start();
  const patternWatch = watchPatterns(patterns, onProblem);
  opened.defer(() => patternWatch.stop());
  loop.wake();
  const parts = opened.move();
  return { endpoint, close: () => parts.disposeAsync() };
}

function makeFolders(config: AgentConfig) {
  const folder = (...names: string[]): string => {
    const path = join(config.dataDir, ...names);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  return {
    identity: folder("identity"),
    spool: folder("spool"),
    patterns: folder("patterns"),
    packages: folder("packages"),
    journal: folder("journal"),
    quarantine: folder("quarantine"),
    /** A move is one step only on one file system: where a watched folder lies on another, staging lies there too. */
    stagingInWatch: config.watch
      .filter((path) => statSync(path).dev !== statSync(config.dataDir).dev)
      .map((path) => {
        const staging = join(path, ".tms-staging");
        mkdirSync(staging, { recursive: true, mode: 0o700 });
        return staging;
      }),
  };
}

/** Where the product's own code lies; not the whole checkout, whose data folder may hold the demo's sandbox. */
function programFolders(): string[] {
  const app = dirname(dirname(fileURLToPath(import.meta.url)));
  const checkout = dirname(dirname(app));
  return [app, join(checkout, "packages"), join(checkout, "node_modules")];
}
