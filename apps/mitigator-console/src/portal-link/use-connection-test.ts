import type { ConnectionTest, PortalSettings } from "@tms/contracts/mitigator";
import { useState } from "react";
import { api } from "../api.ts";

/** A running test is read again this often: its steps are what people wait for. */
const TEST_POLL_MS = 400;

export interface ConnectionTesting {
  test: ConnectionTest | null;
  running: boolean;
  /** The values that were tested, as one text. */
  testedValues: string | null;
  error: Error | null;
  start(settings: PortalSettings): void;
  cancel(): void;
}

/** Starts a test of the values on the screen and follows it; nothing is saved. */
export function useConnectionTest(): ConnectionTesting {
  const [started, setStarted] = useState<{ id: string; values: string } | null>(null);
  const start = api.useAct("testPortalConnection");
  const cancel = api.useAct("cancelConnectionTest");
  const [finished, setFinished] = useState(false);
  const reading = api.useRead(
    "getConnectionTest",
    { params: { id: started?.id ?? "" } },
    { enabled: started !== null, pollMs: finished ? false : TEST_POLL_MS },
  );
  const test = started !== null && reading.data?.id === started.id ? reading.data : null;
  if (test !== null && test.finishedAt !== null && !finished) setFinished(true);
  return {
    test: test ?? (started !== null && start.data?.id === started.id ? start.data : null),
    running: start.isPending || (started !== null && !finished),
    testedValues: started?.values ?? null,
    error: start.error ?? reading.error,
    start: (settings) => {
      setFinished(false);
      setStarted(null);
      start.mutate(
        { body: settings },
        { onSuccess: (made) => setStarted({ id: made.id, values: JSON.stringify(settings) }) },
      );
    },
    cancel: () => {
      if (started !== null) cancel.mutate({ params: { id: started.id } });
    },
  };
}
