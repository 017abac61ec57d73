import { testConnection } from "@tms/link/lower";
import type { Lane, RunConnectionTest, TestStep } from "./test-connection.ts";

const STEPS: readonly TestStep["step"][] = [
  "name-look-up",
  "proxy",
  "tcp",
  "handshake",
  "credentials",
  "accepts",
  "clock-difference",
];

/** Both lanes before anything has run. */
export function newLanes(): Record<Lane, TestStep[]> {
  const waiting = () =>
    STEPS.map((step): TestStep => ({ step, state: "waiting", fact: "", ms: null, code: null, text: null, cure: null }));
  return { logServer: waiting(), statusServer: waiting() };
}

/** Runs the link's own test with the values of the page. */
export const runConnectionTest: RunConnectionTest = async ({ settings, password, proxy }, watch) => {
  const lanes = newLanes();
  const { logServer, statusServer } = await testConnection(
    {
      statusServer: settings.statusServer,
      logServer: { ...settings.logServer, protocol: settings.protocol },
      userName: settings.userName,
      password,
      proxy,
      caPins: settings.caPins,
      sshHostKeys: settings.sshHostKeys,
    },
    {
      signal: watch.signal,
      onStep: (lane, steps) => {
        lanes[lane] = steps;
        watch.onLanes({ ...lanes });
      },
    },
  );
  return { logServer, statusServer };
};
