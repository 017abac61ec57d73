import type { Directive, DirectiveOutcome } from "@tms/contracts/link";
import { createLowerLink, type LinkLog, type LinkState, type LowerLink, openSpool, type Spool } from "@tms/link/lower";
import type { Clock } from "@tms/records";
import type { RecordSink } from "#app/assess/index.ts";
import type { Enrolment } from "./enrol-wire.ts";

export interface MitigatorLink {
  readonly link: LowerLink;
  readonly sink: RecordSink;
  close(): Promise<void>;
}

/** The agent's end of its hop: its spool with two streams, heartbeats, directives. */
export async function openMitigatorLink(options: {
  enrolment: Enrolment;
  spoolDirectory: string;
  host: string;
  version: string;
  ready: () => { ok: boolean; reasons: { code: string; text: string }[] };
  onDirective: (directive: Directive) => Promise<DirectiveOutcome>;
  onState: (state: LinkState) => void;
  clock: Clock;
  log: LinkLog;
}): Promise<MitigatorLink> {
  const { enrolment, clock, log, host, version } = options;
  const [address] = enrolment.pins.addresses;
  if (address === undefined) throw new Error("the pins hold no address");
  const spool: Spool = await openSpool({
    directory: options.spoolDirectory,
    streams: ["threat-events", "root-cause"],
    clock,
    onDamage: (stream) =>
      log.warn({ stream }, "the spool's memory was damaged on disk; all that it holds is sent anew"),
  });
  const link = createLowerLink({
    keys: enrolment.keys,
    identity: enrolment.identity,
    statusServer: address,
    // The mitigator takes logs on the port of its status server, over SSL alone.
    logServer: { ...address, protocol: "ssl" },
    spool,
    describe: () => ({ version, host, instanceId: enrolment.pins.instanceId, ready: options.ready(), sending: "on" }),
    onDirective: options.onDirective,
    onState: options.onState,
    clock,
    log,
  });
  return {
    link,
    sink: {
      threatEvents: async (records) => void (await spool.append("threat-events", records)),
      rootCause: async (records) => void (await spool.append("root-cause", records)),
    },
    close: async () => {
      await link.stop();
      await spool.close();
    },
  };
}
