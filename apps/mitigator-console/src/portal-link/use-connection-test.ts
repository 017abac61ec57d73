import type { ConnectionTest } from "@tms/contracts/mitigator";
import { useState } from "react";
import { api } from "../api.ts";

/** A running test is read again this often: its steps are what people wait for. */
const TEST_POLL_MS = 400;

export interface ConnectionTesting<Values> {
  test: ConnectionTest | null;
  running: boolean;
  /** The values that were tested, as one text. */
  testedValues: string | null;
  error: Error | null;
  start(values: Values): void;
  cancel(): void;
}

/** Starts a test of the values on the screen and follows it; nothing is saved. */
export function useConnectionTest<Values>(
  begin: (values: Values) => Promise<ConnectionTest>,
): ConnectionTesting<Values> {
  const [started, setStarted] = useState<{ id: string; values: string } | null>(null);
  const [made, setMade] = useState<ConnectionTest | null>(null);
  const [beginning, setBeginning] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
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
    test: test ?? (started !== null && made?.id === started.id ? made : null),
    running: beginning || (started !== null && !finished),
    testedValues: started?.values ?? null,
    error: failure ?? reading.error,
    start: (values) => {
      setFinished(false);
      setStarted(null);
      setFailure(null);
      setBeginning(true);
      begin(values)
        .then((test) => {
          setMade(test);
          setStarted({ id: test.id, values: JSON.stringify(values) });
        })
        .catch((error: Error) => setFailure(error))
        .finally(() => setBeginning(false));
    },
    cancel: () => {
      if (started !== null) cancel.mutate({ params: { id: started.id } });
    },
  };
}
