import type { SessionView } from "@tms/contracts";
import { createContext, useContext } from "react";

interface SessionParts {
  session: SessionView;
  logOff(): void;
}

export const SessionContext = createContext<SessionParts | null>(null);

/** Who is logged on; the frame is drawn inside the session only. */
export function useSession(): SessionParts {
  const parts = useContext(SessionContext);
  if (parts === null) throw new Error("A screen was drawn outside the session gate");
  return parts;
}
