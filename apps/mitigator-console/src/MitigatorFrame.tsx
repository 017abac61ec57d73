import {
  AppFrame,
  IconActivity,
  IconAdjustments,
  IconCertificate,
  IconDevicesPc,
  IconFolder,
  IconListDetails,
  IconPlugConnected,
  type MenuEntry,
  TimeAgo,
  ToneShape,
  TopRight,
  usePathname,
} from "@tms/console-kit";
import type { ReactNode } from "react";
import { api } from "./api.ts";
import { paths } from "./paths.ts";
import { useSession } from "./session-context.ts";
import { useWords } from "./words.ts";

/** Counts in the menu and the link's state move slower than a page's own subject. */
const FRAME_POLL_MS = 5000;

export function MitigatorFrame(props: { children: ReactNode }): ReactNode {
  const words = useWords();
  const { session, logOff } = useSession();
  return (
    <AppFrame
      frame="mitigator"
      brand={words("brand")}
      subtitle={session.name}
      menu={useMenu()}
      footer={[words("frame.version", { version: session.version })]}
      scope={null}
      topRight={<TopRight session={session} onLogOff={logOff} link={<LinkState />} />}
    >
      {props.children}
    </AppFrame>
  );
}

/** "Portal answered 11 s ago", or what is wrong with the link. */
function LinkState(): ReactNode {
  const words = useWords();
  const connection = api.useRead("getPortalConnection", {}, { pollMs: FRAME_POLL_MS }).data;
  if (connection === undefined) return null;
  if (connection.state === "connected" && connection.lastHeartbeatAt !== null) {
    return (
      <span className="tms-top-item">
        <span className="tms-live-dot" aria-hidden="true" />
        <span>{words.rich("link.answered", { ago: <TimeAgo at={connection.lastHeartbeatAt} /> })}</span>
      </span>
    );
  }
  const tone =
    connection.state === "not-registered" || connection.state === "sending-disabled"
      ? "still"
      : connection.state === "connected"
        ? "move"
        : "fail";
  return (
    <a className="tms-top-item" href={paths.portal()} style={{ color: "inherit" }}>
      <ToneShape tone={tone} still={connection.state === "sending-disabled" ? "paused" : "away"} size={12} />
      {words(`link.${connection.state}`)}
    </a>
  );
}

function useMenu(): MenuEntry[][] {
  const words = useWords();
  const pathname = usePathname();
  const home = api.useRead("home", {}, { pollMs: FRAME_POLL_MS }).data;
  const under = (prefix: string) => pathname === prefix || pathname.startsWith(`${prefix}/`);
  const waiting =
    home === undefined
      ? 0
      : home.requireCleanup +
        home.requireCustomCleanup +
        home.requireRestart +
        home.scanProblems +
        home.unresolvedSubmitCase;
  return [
    [
      { label: words("menu.home"), href: paths.home(), icon: IconActivity, current: pathname === "/", count: waiting },
      { label: words("menu.events"), href: paths.events(), icon: IconListDetails, current: under("/events") },
      { label: words("menu.endpoints"), href: paths.endpoints(), icon: IconDevicesPc, current: under("/endpoints") },
      {
        label: words("menu.cases"),
        href: paths.cases(),
        icon: IconFolder,
        current: under("/cases"),
        count: home?.openCases ?? 0,
      },
      { label: words("menu.patterns"), href: paths.patterns(), icon: IconCertificate, current: under("/patterns") },
    ],
    [
      {
        label: words("menu.mitigationSettings"),
        href: paths.mitigationSettings(),
        icon: IconAdjustments,
        current: under("/mitigation-settings"),
      },
      { label: words("menu.services"), icon: IconPlugConnected, current: false },
      { label: words("menu.portal"), href: paths.portal(), level: 2, current: under("/services/portal") },
      { label: words("menu.proxy"), href: paths.proxy(), level: 2, current: under("/services/proxy") },
    ],
  ];
}
