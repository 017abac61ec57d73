import type { SpoolReport } from "@tms/link/lower";
import { STREAMS } from "@tms/records";
import { type Metrics, meterListeners } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";

// The mitigator's own figures; docs/reference/metrics.md lists them all. Labels are closed sets: no host, no agent.

const LISTENERS = ["console", "agents"] as const;
const LINK_STATES = ["awaited", "connected", "not-answering", "refused"] as const;

export interface MitigatorFigures {
  spool(): readonly Pick<SpoolReport, "stream" | "spooledRecords" | "spooledBytes">[];
  link(): (typeof LINK_STATES)[number];
  agentsConnected(): number;
}

/** Makes the mitigator's metrics and watches its listeners. */
export function meterMitigator(
  metrics: Metrics,
  figures: MitigatorFigures,
  listeners: Record<(typeof LISTENERS)[number], FastifyInstance>,
): void {
  const meter = meterListeners(metrics, LISTENERS);
  for (const name of LISTENERS) meter.watch(name, listeners[name]);
  const spooled = (name: string, help: string, of: "spooledRecords" | "spooledBytes") =>
    metrics.read({ name, help, labels: { stream: STREAMS }, kind: "now" }, () =>
      figures.spool().map((report) => ({ labels: { stream: report.stream }, value: report[of] })),
    );
  spooled("tms_spool_records", "Records that the portal has not acknowledged.", "spooledRecords");
  spooled("tms_spool_bytes", "Bytes that the portal has not acknowledged.", "spooledBytes");
  metrics.read(
    {
      name: "tms_link_state",
      help: "1 for the state of the link to the portal, 0 for the others; awaited is also that there is none.",
      labels: { state: LINK_STATES },
      kind: "now",
    },
    () => LINK_STATES.map((state) => ({ labels: { state }, value: figures.link() === state ? 1 : 0 })),
  );
  metrics.read(
    { name: "tms_agents_connected", help: "Agents that were heard of in time.", labels: {}, kind: "now" },
    () => [{ labels: {}, value: figures.agentsConnected() }],
  );
}
