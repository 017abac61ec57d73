import { Button } from "@mantine/core";
import { ConfirmDialog, durationText, ProblemLine, TimeAbsolute, ToneShape } from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import { type ReactNode, useState } from "react";
import { useWords } from "../words.ts";
import type { SettingsPage } from "./use-settings-page.ts";

/** The bar at the foot: what stays in force, and Save only once exactly these values have passed. */
export function SaveBar(props: { page: SettingsPage; connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { page, connection } = props;
  const [dialog, setDialog] = useState<"untested" | "off" | null>(null);
  const turnsOff = !page.values.sending && connection.settings?.sending === true;
  const close = () => setDialog(null);
  return (
    <>
      {page.formError === null && page.saveError === null ? null : (
        <div style={{ marginTop: 12 }}>
          {page.formError === null ? null : (
            <div role="alert" className="tms-problem">
              <ToneShape tone="fail" />
              <strong>{page.formError}</strong>
            </div>
          )}
          {dialog === null ? <ProblemLine error={page.saveError} /> : null}
        </div>
      )}
      <div className="tms-foot-bar">
        <div className="tms-row">
          {page.testing.running ? (
            <Button variant="default" onClick={page.testing.cancel}>
              {words("test.cancel")}
            </Button>
          ) : (
            <Button type="submit" variant="default">
              {words("test.do")}
            </Button>
          )}
          <span className="tms-small">
            <InForce page={page} connection={connection} />
          </span>
        </div>
        <div className="tms-row">
          {page.changed.length === 0 ? null : (
            <Button className="tms-quiet" onClick={page.discard}>
              {words("portal.discard", { count: page.changed.length })}
            </Button>
          )}
          {turnsOff ? (
            <Button onClick={() => page.check() && setDialog("off")}>{words("portal.turnOff")}</Button>
          ) : (
            <SaveButtons
              page={page}
              // A line that works has nothing to gain from its own values; one that does not may be saved anew.
              inForce={page.changed.length === 0 && connection.state === "connected"}
              onUntested={() => page.check() && setDialog("untested")}
            />
          )}
        </div>
      </div>
      <ConfirmDialog
        opened={dialog === "untested"}
        onClose={close}
        title={words("untested.title")}
        confirmLabel={words("untested.do")}
        onConfirm={() => page.save(true, close)}
        busy={page.saving}
        error={page.saveError}
      >
        <p>{words("untested.text")}</p>
      </ConfirmDialog>
      <ConfirmDialog
        opened={dialog === "off"}
        onClose={close}
        title={words("off.title")}
        confirmLabel={words("off.do")}
        onConfirm={() => page.save(true, close)}
        busy={page.saving}
        error={page.saveError}
      >
        <p>{words("off.text")}</p>
      </ConfirmDialog>
    </>
  );
}

function SaveButtons(props: { page: SettingsPage; inForce: boolean; onUntested(): void }): ReactNode {
  const words = useWords();
  const { page } = props;
  if (page.savableForMs !== null) {
    return (
      <>
        <span className="tms-small tms-tabular">
          {words("portal.savable", { left: durationText(page.savableForMs) })}
        </span>
        <Button onClick={() => page.save(false)} loading={page.saving}>
          {words("portal.save")}
        </Button>
      </>
    );
  }
  if (props.inForce) return null;
  return (
    <>
      <Button className="tms-quiet" onClick={props.onUntested}>
        {words("portal.saveUntested")}
      </Button>
      <span className="tms-small">{words("portal.saveAppears")}</span>
    </>
  );
}

function InForce(props: { page: SettingsPage; connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { page, connection } = props;
  if (connection.settings === null) return words("portal.nothingSaved");
  if (page.changed.length > 0) {
    return words("portal.inForce", {
      protocol: connection.settings.protocol.toUpperCase(),
      port: connection.settings.logServer.port,
    });
  }
  if (page.savedAt !== null)
    return words.rich("portal.savedAt", { time: <TimeAbsolute at={page.savedAt.toISOString()} /> });
  return words("portal.unchanged");
}
