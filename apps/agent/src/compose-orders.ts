import { isPassingFailure } from "@tms/link/lower";
import type { Clock } from "@tms/records";
import type { Assessor } from "./assess/index.ts";
import { createEndpointSight, createPatternApplier } from "./cleanup/index.ts";
import { createPackageCollector } from "./collect/index.ts";
import type { EndpointSide } from "./compose-endpoint.ts";
import type { AgentFolders } from "./folders.ts";
import { createDirectiveHandler, type Enrolment, type MitigatorLink } from "./mitigator-link/index.ts";
import type { PatternSource } from "./patterns/index.ts";
import type { ScanLoop } from "./scan/index.ts";
import { AGENT_VERSION } from "./version.ts";

/** What the mitigator may order, put together. */
export function composeOrders(parts: {
  side: EndpointSide;
  folders: AgentFolders;
  enrolment: Enrolment;
  mitigator: MitigatorLink;
  patterns: PatternSource;
  assessor: Assessor;
  loop: ScanLoop;
  host: string;
  clock: Clock;
  signal: AbortSignal;
  onProblem: (error: unknown) => void;
}) {
  const { side, enrolment, mitigator, patterns, assessor, loop, host, clock } = parts;
  const { pins, endpoint, keys } = enrolment;
  const { state, watched, crontabs, telemetry } = side;
  const shared = {
    patterns,
    state,
    sink: mitigator.sink,
    customer: pins.customer,
    endpoint,
    host,
    clock,
    isPassing: isPassingFailure,
  };
  const applier = createPatternApplier({
    ...shared,
    runner: side.runner,
    look: createEndpointSight(side),
    consentKey: Buffer.from(pins.consentKey, "base64"),
    onProblem: parts.onProblem,
  });
  const collect = createPackageCollector({
    ...shared,
    directory: parts.folders.packages,
    sources: {
      watched,
      crontabs,
      processes: () => telemetry.processes.all(),
      chainOf: (threat) => assessor.chainOf(threat),
    },
    recoveryRecipient: pins.recoveryRecipient,
    signingPrivatePem: keys.signingPrivatePem,
    upload: (upload) => mitigator.link.request.uploadPackage({ ...upload, signal: parts.signal }),
    version: AGENT_VERSION,
  });
  return createDirectiveHandler({
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
      sendNow: () => mitigator.link.sendNow(),
    },
  });
}
