import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";

interface ClockValue {
  now: Date;
  zone: string;
  homeZone: string;
  setZone(zone: string): void;
}

const ClockContext = createContext<ClockValue>({ now: new Date(0), zone: "UTC", homeZone: "UTC", setZone: () => {} });

/**
 * The server's clock, ticking in the browser: times are judged by the server, whatever the reader's own clock says.
 */
export function ClockProvider(props: { serverTime: string; zone: string; children: ReactNode }): ReactNode {
  const offsetMs = useMemo(() => new Date(props.serverTime).getTime() - Date.now(), [props.serverTime]);
  const [tick, setTick] = useState(() => Date.now());
  const [zone, setZone] = useState(props.zone);
  useEffect(() => {
    const timer = setInterval(() => setTick(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const value = useMemo(
    () => ({ now: new Date(tick + offsetMs), zone, homeZone: props.zone, setZone }),
    [tick, offsetMs, zone, props.zone],
  );
  return <ClockContext.Provider value={value}>{props.children}</ClockContext.Provider>;
}

export function useClock(): ClockValue {
  return useContext(ClockContext);
}
