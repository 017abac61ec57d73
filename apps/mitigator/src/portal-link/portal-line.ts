import type { AppError } from "@tms/records";

/** How the line to the portal is, as the page shows it. */
export interface LineState {
  state: "connected" | "not-answering" | "refused" | "awaited";
  lastHeartbeatAt: Date | null;
  lastLogsAt: Date | null;
  lastError: { at: Date; error: AppError } | null;
}

export const NO_LINE: LineState = { state: "awaited", lastHeartbeatAt: null, lastLogsAt: null, lastError: null };

/** The running link to the portal; there is one as long as this mitigator is registered and sending is on. */
export interface PortalLine {
  state(): LineState;
  sendNow(): void;
  /** One last heartbeat that says "disabled", then no connection. */
  disable(): Promise<void>;
  /** Ends without a word; what is spooled stays. */
  stop(): Promise<void>;
}
