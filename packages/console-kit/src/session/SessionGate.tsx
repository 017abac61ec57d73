import { ApiError, type SessionView } from "@tms/contracts";
import { type ReactNode, useEffect, useState } from "react";
import { ClockProvider } from "../time/clock-context.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { GateShell } from "./GateShell.tsx";
import { LogOnScreen } from "./LogOnScreen.tsx";
import { SetUpScreen } from "./SetUpScreen.tsx";
import { sessionApi } from "./session-client.ts";

interface SessionGateProps {
  brand: string;
  children(session: SessionView, logOff: () => void): ReactNode;
}

/** Nothing of a console is drawn before a person is logged on; the set-up link has its own screen. */
export function SessionGate(props: SessionGateProps): ReactNode {
  const words = useKitWords();
  const token = useSetUpToken();
  const session = sessionApi.useRead("whoAmI", {}, { pollMs: 30_000 });
  const logOff = sessionApi.useAct("logOff");
  if (token !== null) return <SetUpScreen brand={props.brand} token={token} />;
  const nobody = session.error instanceof ApiError && session.error.status === 401;
  if (nobody) return <LogOnScreen brand={props.brand} />;
  if (session.data === undefined) {
    if (session.error === null) return null;
    return (
      <GateShell brand={props.brand} title={words("gate.noAnswer")}>
        <p className="tms-prose">{words("gate.noAnswerWhy")}</p>
      </GateShell>
    );
  }
  return (
    <ClockProvider serverTime={session.data.serverTime} zone={session.data.zone}>
      {props.children(session.data, () => logOff.mutate({}))}
    </ClockProvider>
  );
}

/** The token of `/#/setup?token=…`, as long as that is the address. */
function useSetUpToken(): string | null {
  const [hash, setHash] = useState(() => window.location.hash);
  useEffect(() => {
    const read = () => setHash(window.location.hash);
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, []);
  if (!hash.startsWith("#/setup")) return null;
  return new URLSearchParams(hash.split("?")[1] ?? "").get("token") ?? "";
}
