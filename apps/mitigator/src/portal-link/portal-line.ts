import type { LinkRequest, LowerLink, ScheduleState } from "@tms/link/lower";
import { assertNever } from "@tms/records";
import type { PortalLinkStore, StoredRegistration } from "./portal-link-store.ts";
import type { PortalSettings } from "./portal-settings.ts";
import type { DialledProxy } from "./proxy-settings.ts";

/** How the line to the portal is, as the page shows it. */
export interface LineState {
  state: "connected" | "not-answering" | "refused" | "awaited";
  lastHeartbeatAt: Date | null;
  lastLogsAt: Date | null;
  lastError: { at: Date; code: string; text: string; cure: string } | null;
  /** Null while nothing is sent. */
  schedule: ScheduleState | null;
}

const NO_LINE: LineState = {
  state: "awaited",
  lastHeartbeatAt: null,
  lastLogsAt: null,
  lastError: null,
  schedule: null,
};

/** The link to the portal: it runs as long as this mitigator is registered and sending is on, and never otherwise. */
export interface PortalLine {
  /** Brings the link in step with what is saved. */
  apply(): Promise<void>;
  isSending(): boolean;
  state(): LineState;
  sendNow(): void;
  /** A heartbeat, and no logs. */
  tellNow(): void;
  /** Typed calls; null while no connection may be made. */
  request(): LinkRequest | null;
  /** Tells the portal that we leave; works also while sending is off. */
  unregister(): Promise<void>;
  stop(): Promise<void>;
}

/** What the link asks and tells while it writes a heartbeat. */
export interface LineWord {
  sending(): "on" | "disabled";
  onHeartbeat(): void;
}

export interface PortalLineDeps {
  store: Pick<PortalLinkStore, "settings" | "registration">;
  proxy: () => Promise<DialledProxy | null>;
  /** Brings what may change while it runs in step with the settings. */
  tune: (link: LowerLink, settings: PortalSettings) => void;
  makeLink: (settings: PortalSettings, registration: StoredRegistration, says: LineWord) => Promise<LowerLink>;
  /** Before the first batch after a time of sending disabled. */
  declareDisabled: (registration: StoredRegistration) => Promise<void>;
  onStarted: () => void;
}

/** How long the last heartbeat before falling silent may take; the portal may be away, and then learns it later. */
const LAST_HEARTBEAT_MS = 5_000;

export function createPortalLine(deps: PortalLineDeps): PortalLine {
  let running: { link: LowerLink; key: string; word: LastWord } | null = null;
  let last: LineState = NO_LINE;
  let queue: Promise<unknown> = Promise.resolve();
  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    const next = queue.then(work, work);
    // The caller gets the failure; the queue only needs to know that the work has ended.
    queue = next.catch(() => undefined);
    return next;
  };

  async function end(how: "say-disabled" | "silently"): Promise<void> {
    if (running === null) return;
    const { link, word } = running;
    if (how === "say-disabled") await lastHeartbeat(link, word);
    last = { ...lineStateOf(link), schedule: null };
    running = null;
    await link.stop();
  }

  async function apply(): Promise<void> {
    const [stored, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
    if (stored === null || registration === null) return end("silently");
    if (!stored.settings.sending) return end("say-disabled");
    const { settings } = stored;
    const { statusServer, logServer, protocol } = settings;
    const { product, certificatePem } = registration.identity;
    const key = JSON.stringify([statusServer, logServer, protocol, product, certificatePem, await deps.proxy()]);
    if (running?.key === key && running.link.state().phase !== "refused") return deps.tune(running.link, settings);
    await end("silently");
    const word: LastWord = { sending: "on", written: null };
    const link = await deps.makeLink(settings, registration, {
      sending: () => word.sending,
      onHeartbeat: () => {
        if (word.sending === "on" || word.written !== null) return;
        word.written = { answeredBefore: link.state().lastHeartbeatAt };
      },
    });
    running = { link, key, word };
    last = NO_LINE;
    await deps.declareDisabled(registration);
    link.start();
    deps.onStarted();
  }

  return {
    apply: () => locked(apply),
    isSending: () => running !== null,
    state: () => (running === null ? last : lineStateOf(running.link)),
    sendNow: () => running?.link.sendNow(),
    tellNow: () => running?.link.tellNow(),
    request: () => running?.link.request ?? null,
    unregister: () =>
      locked(async () => {
        const [stored, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
        if (stored === null || registration === null) return;
        if (running !== null) return running.link.request.unregister();
        const link = await deps.makeLink(stored.settings, registration, {
          sending: () => "disabled",
          onHeartbeat: () => {},
        });
        try {
          await link.request.unregister();
        } finally {
          await link.stop();
        }
      }),
    stop: () => locked(() => end("silently")),
  };
}

/** `written` once a heartbeat that says "disabled" is on its way, with the answer that was the last one then. */
interface LastWord {
  sending: "on" | "disabled";
  written: { answeredBefore: Date | null } | null;
}

/** Kicks one heartbeat and waits for its answer, but not for ever, and not for a portal that is away. */
async function lastHeartbeat(link: LowerLink, word: LastWord): Promise<void> {
  const until = Date.now() + LAST_HEARTBEAT_MS;
  word.sending = "disabled";
  link.tellNow();
  while (Date.now() < until) {
    const { phase, lastHeartbeatAt } = link.state();
    if (phase === "not-answering" || phase === "refused") return;
    // One heartbeat is in flight at a time: the next answer after it was written is its own.
    if (word.written !== null && lastHeartbeatAt !== word.written.answeredBefore) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function lineStateOf(link: LowerLink): LineState {
  const { phase, lastHeartbeatAt, lastLogsAt, lastError } = link.state();
  return { state: nameOf(phase), lastHeartbeatAt, lastLogsAt, lastError, schedule: link.schedule() };
}

function nameOf(phase: ReturnType<LowerLink["state"]>["phase"]): LineState["state"] {
  switch (phase) {
    case "connected":
    case "not-answering":
    case "refused":
      return phase;
    case "starting":
    case "stopped":
      return "awaited";
    default:
      return assertNever(phase);
  }
}
