import { createConsoleRouter, SessionGate } from "@tms/console-kit";
import type { ReactNode } from "react";
import { NotFoundScreen } from "./NotFoundScreen.tsx";
import { PortalFrame } from "./PortalFrame.tsx";
import { SessionContext } from "./session-context.ts";
import { useWords } from "./words.ts";

const Router = createConsoleRouter({
  frame: PortalFrame,
  notFound: NotFoundScreen,
  screens: [
    { path: "/", load: () => import("./products/ProductsScreen.tsx").then((file) => file.ProductsScreen) },
    { path: "/products", load: () => import("./products/ProductsScreen.tsx").then((file) => file.ProductsScreen) },
    { path: "/products/$id", load: () => import("./products/ProductScreen.tsx").then((file) => file.ProductScreen) },
    { path: "/customers", load: () => import("./customers/CustomersScreen.tsx").then((file) => file.CustomersScreen) },
    {
      path: "/customers/$id",
      load: () => import("./customers/CustomerScreen.tsx").then((file) => file.CustomerScreen),
    },
    {
      path: "/customers/$id/connection-details",
      load: () => import("./customers/ConnectionDetailsScreen.tsx").then((file) => file.ConnectionDetailsScreen),
    },
    {
      path: "/customers/$customer/events/$id",
      load: () => import("./threat-events/EventScreen.tsx").then((file) => file.EventScreen),
    },
    { path: "/events", load: () => import("./threat-events/EventsScreen.tsx").then((file) => file.EventsScreen) },
    { path: "/cases", load: () => import("./cases/CasesScreen.tsx").then((file) => file.CasesScreen) },
    { path: "/cases/$id", load: () => import("./cases/CaseScreen.tsx").then((file) => file.CaseScreen) },
    { path: "/patterns", load: () => import("./patterns/PatternsScreen.tsx").then((file) => file.PatternsScreen) },
    {
      path: "/patterns/$id/$version",
      load: () => import("./patterns/PatternScreen.tsx").then((file) => file.PatternScreen),
    },
    { path: "/incidents", load: () => import("./incidents/IncidentsScreen.tsx").then((file) => file.IncidentsScreen) },
    {
      path: "/compatibility",
      load: () => import("./products/CompatibilityScreen.tsx").then((file) => file.CompatibilityScreen),
    },
    {
      path: "/incidents/$id",
      load: () => import("./incidents/IncidentScreen.tsx").then((file) => file.IncidentScreen),
    },
  ],
});

export function PortalConsole(): ReactNode {
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
