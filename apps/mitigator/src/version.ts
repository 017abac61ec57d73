/** This mitigator's version, as heartbeats and consoles say it. */
export const VERSION = "1.0.0";
