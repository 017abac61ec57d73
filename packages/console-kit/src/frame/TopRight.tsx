import { Menu, useMantineColorScheme } from "@mantine/core";
import type { SessionView } from "@tms/contracts";
import { type ReactNode, useSyncExternalStore } from "react";
import { readLive, subscribeLive } from "../api/live-store.ts";
import { IconClock, IconLogout, IconMoon, IconSun, IconUser } from "../icons/icons.ts";
import { StateBlock } from "../state/StateBadge.tsx";
import { ToneShape } from "../state/ToneShape.tsx";
import { useClock } from "../time/clock-context.tsx";
import { clockText, offsetText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";

/** Link or live state, zone, person; and "Demo keys" while it is true. */
export function TopRight(props: { session: SessionView; link?: ReactNode; onLogOff(): void }): ReactNode {
  const words = useKitWords();
  return (
    <>
      {props.session.demoKeys ? <StateBlock state={{ text: words("frame.demoKeys"), tone: "wait" }} /> : null}
      <CertificateEnd endsAt={props.session.certificateEndsAt ?? null} />
      <LiveState link={props.link} />
      <ZoneMenu />
      <PersonMenu userName={props.session.userName} onLogOff={props.onLogOff} />
    </>
  );
}

/** In the last month before the console's own certificate ends; after that browsers refuse the console. */
function CertificateEnd(props: { endsAt: string | null }): ReactNode {
  const words = useKitWords();
  const { now } = useClock();
  if (props.endsAt === null) return null;
  const days = Math.floor((new Date(props.endsAt).getTime() - now.getTime()) / DAY_MS);
  const text = days < 0 ? words("frame.certificateEnded") : words("frame.certificateEnds", { count: days });
  return <StateBlock state={{ text, tone: days < 8 ? "fail" : "wait" }} />;
}

const DAY_MS = 86_400_000;

function LiveState(props: { link: ReactNode }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const live = useSyncExternalStore(subscribeLive, readLive);
  if (live.silentSince !== null) {
    return (
      <span className="tms-top-item" role="status">
        <ToneShape tone="gap" size={12} />
        {words("frame.notLive", { time: clockText(new Date(live.silentSince), zone) })}
      </span>
    );
  }
  if (props.link !== undefined) return props.link;
  return (
    <span className="tms-top-item">
      <span className="tms-live-dot" aria-hidden="true" />
      {words("frame.live")}
    </span>
  );
}

function ZoneMenu(): ReactNode {
  const words = useKitWords();
  const { now, zone, homeZone, setZone } = useClock();
  const label = zone === "UTC" ? "UTC" : `${zone}, ${offsetText(now, zone)}`;
  return (
    <Menu shadow="md" position="bottom-end" transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <button type="button" className="tms-top-item" aria-label={words("frame.zone", { zone: label })}>
          <IconClock size={15} stroke={1.75} aria-hidden="true" />
          {label}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {[...new Set([homeZone, "UTC"])].map((name) => (
          <Menu.Item key={name} onClick={() => setZone(name)}>
            {words("frame.showIn", { zone: name })}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function PersonMenu(props: { userName: string; onLogOff(): void }): ReactNode {
  const words = useKitWords();
  const { setColorScheme } = useMantineColorScheme();
  return (
    <Menu shadow="md" position="bottom-end" transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <button type="button" className="tms-top-item" aria-label={words("frame.person", { name: props.userName })}>
          <IconUser size={15} stroke={1.75} aria-hidden="true" />
          {props.userName}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconSun size={15} />} onClick={() => setColorScheme("light")}>
          {words("frame.light")}
        </Menu.Item>
        <Menu.Item leftSection={<IconMoon size={15} />} onClick={() => setColorScheme("dark")}>
          {words("frame.dark")}
        </Menu.Item>
        <Menu.Item onClick={() => setColorScheme("auto")}>{words("frame.auto")}</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={props.onLogOff}>
          {words("frame.logOff")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
