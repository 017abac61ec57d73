import { createConsoleRouter, SessionGate } from "@tms/console-kit";
import type { ReactNode } from "react";
import { MitigatorFrame } from "./MitigatorFrame.tsx";
import { NotFoundScreen } from "./NotFoundScreen.tsx";
import { SessionContext } from "./session-context.ts";
import { useWords } from "./words.ts";

const Router = createConsoleRouter({
  frame: MitigatorFrame,
  notFound: NotFoundScreen,
  screens: [
    { path: "/", load: () => import("./tasks/HomeScreen.tsx").then((file) => file.HomeScreen) },
    { path: "/events", load: () => import("./threat-log/EventsScreen.tsx").then((file) => file.EventsScreen) },
    { path: "/events/$id", load: () => import("./threat-log/EventScreen.tsx").then((file) => file.EventScreen) },
    { path: "/endpoints", load: () => import("./endpoints/EndpointsScreen.tsx").then((file) => file.EndpointsScreen) },
    { path: "/cases", load: () => import("./cases/CasesScreen.tsx").then((file) => file.CasesScreen) },
    {
      path: "/patterns",
      load: () => import("./patterns/DeploymentsScreen.tsx").then((file) => file.DeploymentsScreen),
    },
    {
      path: "/mitigation-settings",
      load: () => import("./tasks/MitigationSettingsScreen.tsx").then((file) => file.MitigationSettingsScreen),
    },
    {
      path: "/services/portal",
      load: () => import("./portal-link/PortalSettingsScreen.tsx").then((file) => file.PortalSettingsScreen),
    },
    {
      path: "/services/portal/connection",
      load: () => import("./portal-link/ConnectionScreen.tsx").then((file) => file.ConnectionScreen),
    },
    {
      path: "/services/portal/compatibility",
      load: () => import("./portal-link/CompatibilityScreen.tsx").then((file) => file.CompatibilityScreen),
    },
    {
      path: "/services/proxy",
      load: () => import("./portal-link/ProxySettingsScreen.tsx").then((file) => file.ProxySettingsScreen),
    },
  ],
});

export function MitigatorConsole(): ReactNode {
  const words = useWords();
  return (
    <SessionGate brand={words("brand")}>
      {(session, logOff) => (
        <SessionContext.Provider value={{ session, logOff }}>
          <Router />
        </SessionContext.Provider>
      )}
    </SessionGate>
  );
}
