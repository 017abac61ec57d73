/** What the stores tell while they run; server-kit's logger fits. */
export interface StoreLog {
  info(details: Record<string, unknown>, text: string): void;
  warn(details: Record<string, unknown>, text: string): void;
  error(details: Record<string, unknown>, text: string): void;
}

/** For callers that keep no log, such as tests. */
export const silentLog: StoreLog = { info: () => {}, warn: () => {}, error: () => {} };
