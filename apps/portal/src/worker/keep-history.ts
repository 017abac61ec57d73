import { type Core, PROVIDER } from "#app/core/index.ts";

const SAMPLE_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 3_600_000;

/** Keeps the coarse curve of every spool and erases history beyond its retention; both may run twice without harm. */
export function startKeepingHistory(core: Core): { close(): void } {
  const { history } = core.heartbeats;
  const run = (what: string, act: () => Promise<void>) => () =>
    void act().catch((error: unknown) => core.log.warn({ err: error }, `${what}; it is tried again`));
  const sample = setInterval(
    run("spool levels were not kept", () => history.sampleSpools(PROVIDER)),
    SAMPLE_EVERY_MS,
  );
  const forget = run("old history was not erased", () => history.forgetOld(PROVIDER));
  forget();
  const forgetting = setInterval(forget, FORGET_EVERY_MS);
  return {
    close() {
      clearInterval(sample);
      clearInterval(forgetting);
    },
  };
}
