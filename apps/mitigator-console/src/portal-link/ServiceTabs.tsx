import { Tabs } from "@tms/console-kit";
import type { ReactNode } from "react";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** The tabs of Services › Threat Management Services Portal. */
export function ServiceTabs(props: { current: "settings" | "connection" | "compatibility" }): ReactNode {
  const words = useWords();
  const tab = (name: typeof props.current, href: string) => ({
    label: words(`portal.tab.${name}`),
    href,
    current: props.current === name,
  });
  return (
    <Tabs
      label={words("menu.portal")}
      tabs={[
        tab("settings", paths.portal()),
        tab("connection", paths.connection()),
        tab("compatibility", paths.compatibility()),
      ]}
    />
  );
}
