import { Button } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { Copyable, IconPrinter, Page, Pairs, Panel, ProblemLine, useRouteParam } from "@tms/console-kit";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

type Details = NonNullable<ReturnType<typeof useDetails>["data"]>;

function useDetails(id: string) {
  return api.useRead("connectionDetails", { params: { id: id as never } }, { pollMs: false });
}

/** What a customer needs to register: a screen, a print, and a JSON that fills the mitigator's page. */
export function ConnectionDetailsScreen(): ReactNode {
  const words = useWords();
  const id = useRouteParam("id");
  const details = useDetails(id);
  const clipboard = useClipboard({ timeout: 1500 });
  const json = details.data === undefined ? "" : JSON.stringify(details.data, null, 2);
  const name = details.data?.customer.name ?? words("customer");
  return (
    <Page
      crumbs={[
        { label: words("menu.customers"), href: paths.customers() },
        { label: name, href: paths.customer(id) },
        { label: words("details.title") },
      ]}
      title={words("details.titleOf", { name })}
      plainTitle={words("details.titleOf", { name })}
      actions={
        details.data === undefined ? undefined : (
          <span className="tms-row tms-no-print">
            <Button
              variant="default"
              leftSection={<IconPrinter size={16} stroke={1.75} />}
              onClick={() => window.print()}
            >
              {words("details.print")}
            </Button>
            <Button onClick={() => clipboard.copy(json)}>
              {words(clipboard.copied ? "details.copied" : "details.copy")}
            </Button>
            <span className="tms-hidden" aria-live="polite">
              {clipboard.copied ? words("details.copied") : ""}
            </span>
          </span>
        )
      }
    >
      <ProblemLine error={details.error} />
      {details.data === undefined ? null : <DetailsColumns details={details.data} json={json} />}
    </Page>
  );
}

function DetailsColumns(props: { details: Details; json: string }): ReactNode {
  const words = useWords();
  const { details } = props;
  const at = (address: { host: string; port: number }) => `${address.host}:${address.port}`;
  return (
    <div className="tms-columns" data-keep-order="" style={{ "--right": "minmax(0, 1fr)" } as object}>
      <div>
        <Panel title={words("details.servers")}>
          <Pairs
            pairs={[
              [
                words("details.status"),
                <Copyable key="s" text={at(details.statusServer)} what={words("details.status")} truncate="command" />,
              ],
              [
                words("details.logSsl"),
                <Copyable key="l" text={at(details.logServer.ssl)} what={words("details.logSsl")} truncate="command" />,
              ],
              [
                words("details.logSsh"),
                <Copyable key="h" text={at(details.logServer.ssh)} what={words("details.logSsh")} truncate="command" />,
              ],
              [
                words("customer.userName"),
                <Copyable key="u" text={details.userName} what={words("customer.userName")} truncate="command" />,
              ],
              [words("details.password"), words("details.passwordWhere")],
            ]}
          />
        </Panel>
        <Panel title={words("details.fingerprints")} note={words("details.fingerprintsNote")}>
          <Pairs
            pairs={[
              ...details.caPins.map((pin): [string, ReactNode] => [
                words("details.ca"),
                <Copyable key={pin} text={pin} what={words("details.ca")} truncate="hash" />,
              ]),
              ...details.sshHostKeys.map((key): [string, ReactNode] => [
                words("details.ssh"),
                <Copyable key={key} text={key} what={words("details.ssh")} truncate="fingerprint" />,
              ]),
              [
                words("details.patternRoot"),
                <Copyable key="r" text={details.patternRoot} what={words("details.patternRoot")} truncate="hash" />,
              ],
            ]}
          />
        </Panel>
      </div>
      <div>
        <Panel title={words("details.json")} note={words("details.jsonNote")}>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard. */}
          <pre className="tms-json tms-mono" tabIndex={0}>
            {props.json}
          </pre>
        </Panel>
      </div>
    </div>
  );
}
