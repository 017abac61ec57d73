import {
  AppFrame,
  IconActivity,
  IconBuilding,
  IconCertificate,
  IconFolder,
  IconListDetails,
  IconPlugConnected,
  IconServer2,
  type MenuEntry,
  TopRight,
  usePathname,
  useUrlFilters,
} from "@tms/console-kit";
import type { ReactNode } from "react";
import { api } from "./api.ts";
import { CustomerScope } from "./customers/CustomerScope.tsx";
import { paths } from "./paths.ts";
import { useSession } from "./session-context.ts";
import { useWords } from "./words.ts";

/** Counts in the menu move slower than a page's own subject. */
const MENU_POLL_MS = 5000;

export function PortalFrame(props: { children: ReactNode }): ReactNode {
  const words = useWords();
  const { session, logOff } = useSession();
  const menu = useMenu();
  return (
    <AppFrame
      frame="provider"
      brand={words("brand")}
      menu={menu}
      footer={[
        words("frame.version", { version: session.version }),
        ...(session.name === words("brand") ? [] : [session.name]),
      ]}
      scope={<CustomerScope />}
      topRight={<TopRight session={session} onLogOff={logOff} />}
    >
      {props.children}
    </AppFrame>
  );
}

function useMenu(): MenuEntry[][] {
  const words = useWords();
  const pathname = usePathname();
  const customer = useUrlFilters().get("customer");
  const counts = api.useRead("menuCounts", {}, { pollMs: MENU_POLL_MS }).data;
  const under = (prefix: string) => pathname === prefix || pathname.startsWith(`${prefix}/`);
  const count = (value: number | undefined) => (value === undefined ? {} : { count: value });
  const inEvents = under("/events") || /\/events\//.test(pathname);
  return [
    [
      {
        label: words("menu.customers"),
        href: paths.customers(),
        icon: IconBuilding,
        current: under("/customers") && !inEvents,
      },
      {
        label: words("menu.products"),
        href: paths.products(customer),
        icon: IconServer2,
        current: under("/products") || pathname === "/",
        ...count(counts?.products),
      },
      {
        label: words("menu.incidents"),
        href: paths.incidents(customer),
        icon: IconActivity,
        current: under("/incidents"),
        ...count(counts?.incidents),
      },
      { label: words("menu.events"), href: paths.events(customer), icon: IconListDetails, current: inEvents },
    ],
    [
      {
        label: words("menu.cases"),
        href: paths.cases(customer),
        icon: IconFolder,
        current: under("/cases"),
        ...count(counts?.cases),
      },
      {
        label: words("menu.patterns"),
        href: paths.patterns(customer),
        icon: IconCertificate,
        current: under("/patterns"),
      },
    ],
    [
      {
        label: words("menu.compatibility"),
        href: paths.compatibility(),
        icon: IconPlugConnected,
        current: under("/compatibility"),
      },
    ],
  ];
}
