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
