/** Of the agent, as heartbeats and packages say it; the same as in package.json, which a test compares. */
export const AGENT_VERSION = "1.0.0";
