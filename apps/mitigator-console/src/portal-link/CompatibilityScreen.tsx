import { CompatibilityPanel, Page } from "@tms/console-kit";
import type { ReactNode } from "react";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";
import { ServiceTabs } from "./ServiceTabs.tsx";

/** Which versions of portal, mitigator and agent work together. */
export function CompatibilityScreen(): ReactNode {
  const words = useWords();
  const { session } = useSession();
  return (
    <Page
      crumbs={[{ label: words("menu.services") }, { label: words("menu.portal") }]}
      title={words("menu.portal")}
      plainTitle={words("menu.portal")}
    >
      <ServiceTabs current="compatibility" />
      <CompatibilityPanel note={words("compatibility.note", { version: session.version })} />
    </Page>
  );
}
