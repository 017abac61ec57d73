import type { Directive, DirectiveOutcome } from "@tms/contracts/link";
import {
  createDial,
  createLowerLink,
  identityInForce,
  type LinkLog,
  type LinkState,
  type LowerKeys,
  type LowerLink,
  Pace,
  type Paces,
  type Spool,
} from "@tms/link/lower";
import type { Clock } from "@tms/records";
import type { LineWord } from "./portal-line.ts";
import type { StoredRegistration } from "./portal-link-store.ts";
import type { PortalSettings } from "./portal-settings.ts";
import type { DialledProxy } from "./proxy-settings.ts";

export interface LineDescription {
  version: string;
  host: string;
  instanceId: string;
  agents: number;
  /** Why mitigation tasks cannot be started; empty if they can. */
  reasons: readonly { code: string; text: string }[];
}

export interface LinkMakerDeps {
  keys: LowerKeys;
  spool: Spool;
  proxy: () => Promise<DialledProxy | null>;
  describe: () => LineDescription;
  /** What the portal hints at; doing it is our own affair, and repeated until it is done. */
  onHint: (kind: "look-for-patterns" | "case-changed" | "send-now") => void;
  onState: (state: LinkState) => void;
  /** By what the portal is known: when a link begins, and after a roll-over of its keys. */
  onTrust: (trust: Pick<PortalSettings, "caPins" | "sshHostKeys">) => void;
  clock: Clock;
  log: LinkLog;
}

/** Makes the lower end of the hop to the portal from what the settings page saved. */
export function createLinkMaker(deps: LinkMakerDeps) {
  // One clock a direction, for both servers and whatever link is in force.
  const paces: Paces = { up: new Pace(), down: new Pace() };
  const tunePaces = ({ uploadKbits, downloadKbits }: PortalSettings) => {
    paces.up.set(uploadKbits === null ? null : uploadKbits * 1000);
    paces.down.set(downloadKbits === null ? null : downloadKbits * 1000);
  };
  return { makeLink, tune };

  /** What may change while a transfer runs. */
  function tune(link: LowerLink, settings: PortalSettings): void {
    tunePaces(settings);
    link.setFrequency(settings.frequencyMinutes);
  }

  async function makeLink(
    settings: PortalSettings,
    registration: StoredRegistration,
    says: LineWord,
  ): Promise<LowerLink> {
    tunePaces(settings);
    const proxy = await deps.proxy();
    return createLowerLink({
      keys: deps.keys,
      dial: createDial({ proxy, paces }),
      paces,
      everyMinutes: settings.frequencyMinutes,
      // What the registration bought may have been renewed since.
      identity: await identityInForce(deps.keys, registration.identity),
      statusServer: settings.statusServer,
      logServer: { ...settings.logServer, protocol: settings.protocol },
      // Of the link only a heartbeat reports the spool, so this tells that one is being written.
      spool: {
        ...deps.spool,
        report: () => {
          says.onHeartbeat();
          return deps.spool.report();
        },
      },
      describe: () => {
        const { version, host, instanceId, agents, reasons } = deps.describe();
        return {
          version,
          host,
          instanceId,
          agents,
          ready: { ok: reasons.length === 0, reasons: reasons.slice(0, 16) },
          sending: says.sending(),
        };
      },
      onDirective: async (directive) => hear(directive, deps.onHint),
      onState: deps.onState,
      onTrust: deps.onTrust,
      clock: deps.clock,
      log: deps.log,
    });
  }
}

/** From a portal only hints count: an order from there is refused, whoever signed in to it (architecture, section 8). */
function hear(directive: Directive, onHint: LinkMakerDeps["onHint"]): DirectiveOutcome {
  switch (directive.kind) {
    case "look-for-patterns":
    case "case-changed":
    case "send-now":
      onHint(directive.kind);
      return { id: directive.id, ok: true };
    default:
      return { id: directive.id, ok: false, code: "directive.not_allowed" };
  }
}
