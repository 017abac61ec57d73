import { Drawer } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";
import { IconShare, type TmsIcon } from "../icons/icons.ts";
import { useKitWords } from "../words/kit-words.ts";
import { FrameContext } from "./frame-context.ts";

export interface MenuEntry {
  label: string;
  /** Absent = a heading over the entries that follow. */
  href?: string;
  current: boolean;
  icon?: TmsIcon;
  /** What waits for a person here; nothing else is counted. */
  count?: number;
  level?: 1 | 2;
}

interface AppFrameProps {
  /** mitigator = light side bar; provider = ink side bar and a customer scope: nobody acts in the wrong console. */
  frame: "mitigator" | "provider";
  brand: string;
  subtitle?: string;
  menu: MenuEntry[][];
  footer: string[];
  scope: ReactNode;
  topRight: ReactNode;
  children: ReactNode;
}

export function AppFrame(props: AppFrameProps): ReactNode {
  const words = useKitWords();
  const [menuOpen, setMenuOpen] = useState(false);
  const parts = useMemo(
    () => ({ scope: props.scope, topRight: props.topRight, openMenu: () => setMenuOpen(true) }),
    [props.scope, props.topRight],
  );
  return (
    <FrameContext.Provider value={parts}>
      <button type="button" className="tms-skip" onClick={() => document.getElementById("main")?.focus()}>
        {words("frame.skip")}
      </button>
      <div className="tms-frame">
        <SideBar {...props} />
        <div>{props.children}</div>
      </div>
      <Drawer
        opened={menuOpen}
        onClose={() => setMenuOpen(false)}
        title={words("frame.menu")}
        size={264}
        closeButtonProps={{ "aria-label": words("frame.close") }}
        transitionProps={{ duration: 0 }}
      >
        <SideBar {...props} drawer onNavigate={() => setMenuOpen(false)} />
      </Drawer>
    </FrameContext.Provider>
  );
}

function SideBar(props: AppFrameProps & { drawer?: boolean; onNavigate?: () => void }): ReactNode {
  const words = useKitWords();
  return (
    <div className="tms-side" data-frame={props.frame} {...(props.drawer ? { "data-drawer": true } : {})}>
      <div className="tms-brand">
        <span className="tms-brand-mark">
          <IconShare size={17} stroke={2} aria-hidden="true" />
        </span>
        <span>
          {props.brand}
          {props.subtitle === undefined ? null : <span className="tms-cell-second">{props.subtitle}</span>}
        </span>
      </div>
      <nav aria-label={words("frame.menu")}>
        {props.menu.map((group) => (
          <ul className="tms-menu-group" key={group[0]?.label ?? ""}>
            {group.map((entry) => (
              <li key={entry.label}>
                <MenuLink entry={entry} {...(props.onNavigate ? { onNavigate: props.onNavigate } : {})} />
              </li>
            ))}
          </ul>
        ))}
      </nav>
      <div className="tms-side-foot">
        {props.footer.map((line) => (
          <div key={line}>{line}</div>
        ))}
      </div>
    </div>
  );
}

function MenuLink(props: { entry: MenuEntry; onNavigate?: () => void }): ReactNode {
  const words = useKitWords();
  const { entry } = props;
  const Icon = entry.icon;
  if (entry.href === undefined) {
    return (
      <span className="tms-menu-entry" data-heading="">
        {Icon === undefined ? null : <Icon size={16} stroke={1.75} aria-hidden="true" />}
        {entry.label}
      </span>
    );
  }
  return (
    <a
      className="tms-menu-entry"
      href={entry.href}
      data-level={entry.level ?? 1}
      {...(entry.current ? { "aria-current": "page" as const } : {})}
      onClick={props.onNavigate}
    >
      {Icon === undefined ? null : <Icon size={16} stroke={1.75} aria-hidden="true" />}
      {entry.label}
      {entry.count === undefined || entry.count === 0 ? null : (
        <span className="tms-menu-count">
          {entry.count}
          <span className="tms-hidden"> {words("frame.waiting")}</span>
        </span>
      )}
    </a>
  );
}
