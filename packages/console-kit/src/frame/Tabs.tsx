import type { ReactNode } from "react";

export interface Tab {
  label: string;
  href: string;
  current: boolean;
  count?: number;
}

/** Tabs are links: the chosen one lives in the URL. */
export function Tabs(props: { label: string; tabs: Tab[] }): ReactNode {
  return (
    <nav className="tms-tabs" aria-label={props.label}>
      {props.tabs.map((tab) => (
        <a key={tab.href} href={tab.href} {...(tab.current ? { "aria-current": "page" as const } : {})}>
          {tab.label}
          {tab.count === undefined ? null : <span className="tms-small"> {tab.count}</span>}
        </a>
      ))}
    </nav>
  );
}
