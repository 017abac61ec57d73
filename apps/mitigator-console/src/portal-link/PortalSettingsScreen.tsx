import { Button } from "@mantine/core";
import { IconClipboard, Page, ProblemLine, StateBlock } from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";
import { ConnectionFacts, LastErrorLine, useLinkState } from "./ConnectionFacts.tsx";
import { PasteDialog } from "./PasteDialog.tsx";
import { SaveBar } from "./SaveBar.tsx";
import { ServiceTabs } from "./ServiceTabs.tsx";
import { SettingsForm } from "./SettingsForm.tsx";
import { TestPanel } from "./TestPanel.tsx";
import { UnregisterDialog } from "./UnregisterDialog.tsx";
import { useSettingsPage } from "./use-settings-page.ts";

/** Services › Threat Management Services Portal: the page at the heart of the product (domain, section 4). */
export function PortalSettingsScreen(): ReactNode {
  const words = useWords();
  const connection = api.useRead("getPortalConnection", {});
  if (connection.data === undefined) {
    return (
      <Page crumbs={[{ label: words("menu.portal") }]} title={words("menu.portal")} plainTitle={words("menu.portal")}>
        <ProblemLine error={connection.error} />
      </Page>
    );
  }
  return <LoadedScreen connection={connection.data} />;
}

function LoadedScreen(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { connection } = props;
  const { session } = useSession();
  const page = useSettingsPage(connection, session.name);
  const [dialog, setDialog] = useState<"paste" | "unregister" | null>(null);
  const state = useLinkState(connection);
  return (
    <Page
      crumbs={[{ label: words("menu.services") }, { label: words("menu.portal") }]}
      title={words("menu.portal")}
      plainTitle={words("menu.portal")}
      badges={<StateBlock state={state} announce />}
      actions={
        <>
          {connection.registration === null ? null : (
            <Button className="tms-danger-quiet" onClick={() => setDialog("unregister")}>
              {words("portal.unregister")}
            </Button>
          )}
          <Button
            variant="default"
            leftSection={<IconClipboard size={16} stroke={1.75} />}
            onClick={() => setDialog("paste")}
          >
            {words("portal.paste")}
          </Button>
        </>
      }
    >
      <ConnectionFacts connection={connection} />
      <ServiceTabs current="settings" />
      <LastErrorLine connection={connection} />
      <form noValidate onSubmit={page.submit}>
        <div
          className="tms-columns"
          {...(page.testing.test === null ? { "data-keep-order": "" } : {})}
          style={{ "--right": "minmax(0, 0.91fr)" } as object}
        >
          <div>
            <SettingsForm
              form={page.form}
              saved={page.saved}
              hasSaved={connection.settings !== null}
              passwordKeptSince={connection.passwordKeptSince}
              pins={page.pins}
              onProtocol={page.chooseProtocol}
              connection={connection}
              sendMeanwhile={page.sendMeanwhile}
              onSendMeanwhile={page.setSendMeanwhile}
            />
          </div>
          <div>
            <TestPanel
              test={page.testing.test}
              sameValues={page.sameAsTested}
              protocol={page.values.protocol}
              logServer={`${page.values.logHost}:${page.values.logPort}`}
              statusServer={`${page.values.statusHost}:${page.values.statusPort}`}
              cureOf={page.cureOf}
            />
            <ProblemLine error={page.testing.error} />
          </div>
        </div>
        <SaveBar page={page} connection={connection} />
      </form>
      <PasteDialog opened={dialog === "paste"} onClose={() => setDialog(null)} onDetails={page.fill} />
      {connection.registration === null ? null : (
        <UnregisterDialog
          opened={dialog === "unregister"}
          onClose={() => setDialog(null)}
          name={connection.settings?.name ?? session.name}
        />
      )}
    </Page>
  );
}
