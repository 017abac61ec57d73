import { createPatternMirror, type LinkState, type LowerLink } from "@tms/link/lower";
import { type Clock, type EndpointId, systemClock } from "@tms/records";
import type { Logger } from "pino";
import { createAssessor } from "./assess/index.ts";
import { openEndpointSide } from "./compose-endpoint.ts";
import { composeOrders } from "./compose-orders.ts";
import type { AgentConfig } from "./config.ts";
import { makeFolders } from "./folders.ts";
import { type Enrolment, enrol, keepRefusal, openMitigatorLink } from "./mitigator-link/index.ts";
import { createPatternSource, watchPatterns } from "./patterns/index.ts";
import { createScanLoop } from "./scan/index.ts";
import { AGENT_VERSION } from "./version.ts";

export interface RunningAgent {
  endpoint: EndpointId;
  close(): Promise<void>;
}

/** Puts the agent together and starts it; what was opened is closed in reverse, also when a later part fails. */
export async function startAgent(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<RunningAgent> {
  // Not `await using`: the parser behind the walls does not know it (dependency-cruiser 18 over swc 1.16).
  const opened = new AsyncDisposableStack();
  try {
    const endpoint = await openAgent(config, { log, signal, opened });
    return { endpoint, close: () => opened.disposeAsync() };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

async function openAgent(
  config: AgentConfig,
  deps: { log: Logger; signal: AbortSignal; opened: AsyncDisposableStack },
): Promise<EndpointId> {
  const { log, signal, opened } = deps;
  const clock = systemClock;
  const { host } = config;
  const onProblem = (error: unknown): void => log.warn({ err: error }, "something failed and is tried again");

  const folders = makeFolders(config);
  const side = await openEndpointSide(config, folders, { clock, opened, onChange: () => loop.wake(), onProblem });
  const { state, telemetry } = side;
  const enrolment = await enrol({
    directory: folders.identity,
    token: config.token,
    host,
    version: AGENT_VERSION,
    clock,
    signal,
  });
  const { endpoint, pins } = enrolment;

  const mitigator = await openMitigatorLink({
    enrolment,
    spoolDirectory: folders.spool,
    host,
    version: AGENT_VERSION,
    ready: () => (patterns.rules() === null ? NOT_READY : { ok: true, reasons: [] }),
    onDirective: (directive) => handle(directive),
    onState: (link) => {
      if (isRefusal(link)) keepRefusal(folders.identity, pins).catch(onProblem);
    },
    clock,
    log,
  });
  opened.defer(() => mitigator.close());

  const assessor = createAssessor({
    state,
    sink: mitigator.sink,
    endpoint,
    host,
    clock,
    telemetry: { events: () => telemetry.log.events(), lookNow: () => telemetry.lookNow() },
    onProblem,
  });
  opened.defer(() => assessor.stop());
  const loop = createScanLoop({
    scanner: side.scanner,
    rules: () => patterns.rules(),
    onReport: (report, rules) => assessor.onHits(report.hits, rules),
    onUnscanned: (unscanned) => log.warn(unscanned, "files that are not scanned, by reason"),
    onProblem,
  });
  opened.defer(() => loop.stop());
  const patterns = createPatternSource({
    repository: mirrorOf(folders.patterns, { enrolment, link: mitigator.link, clock }),
    engine: side.engine,
    customer: pins.customer,
    endpoint,
    clock,
    onRules: (rules) => {
      log.info({ pattern: rules.pattern.id, version: rules.pattern.version }, "rules in force");
      assessor.resume(rules).catch(onProblem);
      loop.wake();
    },
  });
  const parts = { side, folders, enrolment, mitigator, patterns, assessor, loop, host, clock, signal, onProblem };
  const handle = composeOrders(parts);

  // A stored state that no longer verifies is fetched anew; without any the first refresh brings it.
  await patterns.load().catch(onProblem);
  await telemetry.start();
  opened.defer(() => telemetry.stop());
  mitigator.link.start();
  const patternWatch = watchPatterns(patterns, onProblem);
  opened.defer(() => patternWatch.stop());
  loop.wake();
  return endpoint;
}

/** After these only a new enrolment helps. */
const IDENTITY_REFUSALS: readonly string[] = [
  "link.identity_unknown",
  "link.identity_revoked",
  "link.identity_clone",
  "link.identity_expired",
];

function isRefusal({ phase, lastError }: LinkState): boolean {
  return phase === "refused" && IDENTITY_REFUSALS.includes(lastError?.code ?? "");
}

const NOT_READY = { ok: false, reasons: [{ code: "pattern.unknown", text: "No regular pattern is here yet." }] };

/** The customer's patterns, verified here from the root that the token named; the mitigator only carries the bytes. */
function mirrorOf(directory: string, by: { enrolment: Enrolment; link: LowerLink; clock: Clock }) {
  const { patternRoot, customer } = by.enrolment.pins;
  const { request } = by.link;
  return createPatternMirror({
    directory,
    patternRoot,
    customer,
    fetch: {
      metadata: (name) => request.patternMetadata(name),
      target: (path, range) => request.patternTarget(path, range),
      nextSlice: () => request.nextSlice(),
    },
    clock: by.clock,
  });
}
