import { countText, Pairs, Panel, StateInline, TimeAbsolute, TimeAgo, TwoLines } from "@tms/console-kit";
import type { Home } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useLinkState } from "../portal-link/ConnectionFacts.tsx";
import { useWords } from "../words.ts";

/** The portal and the endpoints beside the tasks. */
export function HomeSide(props: { home: Home }): ReactNode {
  const words = useWords();
  const connection = api.useRead("getPortalConnection", {}, { pollMs: 5000 }).data;
  return (
    <div>
      {connection === undefined ? null : <PortalPanel connection={connection} openCases={props.home.openCases} />}
      <Panel title={words("menu.endpoints")}>
        <Pairs
          pairs={[
            [
              words("home.connected"),
              <TwoLines
                key="c"
                first={words("home.nOfN", { count: props.home.endpoints.connected, total: props.home.endpoints.total })}
                second={<TimeAbsolute at={props.home.asOf} />}
              />,
            ],
            [
              words("home.nonconforming"),
              <a key="n" className="tms-link" href={`${paths.endpoints()}?state=nonconforming`}>
                {props.home.endpoints.nonconforming}
              </a>,
            ],
          ]}
        />
      </Panel>
    </div>
  );
}

function PortalPanel(props: {
  connection: NonNullable<ReturnType<typeof useConnection>["data"]>;
  openCases: number;
}): ReactNode {
  const words = useWords();
  const { connection } = props;
  const state = useLinkState(connection);
  return (
    <Panel title={words("home.portal")} right={<StateInline state={state} />}>
      <Pairs
        pairs={[
          [
            words("home.lastAnswer"),
            connection.lastHeartbeatAt === null ? (
              words("fact.notYet")
            ) : (
              <TwoLines
                key="h"
                first={<TimeAgo at={connection.lastHeartbeatAt} />}
                second={<TimeAbsolute at={connection.lastHeartbeatAt} />}
              />
            ),
          ],
          [
            words("home.logsReceived"),
            <TwoLines
              key="l"
              first={
                connection.lastLogsAt === null
                  ? words("fact.notYet")
                  : words.rich("home.upTo", { time: <TimeAbsolute at={connection.lastLogsAt} /> })
              }
              second={words("home.spooled", {
                shown: countText(connection.spool.records),
                count: connection.spool.records,
              })}
            />,
          ],
          [
            words("menu.cases"),
            <a key="k" className="tms-link" href={paths.cases()}>
              {words("home.openCases", { count: props.openCases })}
            </a>,
          ],
        ]}
      />
    </Panel>
  );
}

function useConnection() {
  return api.useRead("getPortalConnection", {});
}
