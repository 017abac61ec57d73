import { Button, PasswordInput, TextInput } from "@mantine/core";
import { longDateText, Page, ProblemLine, TimeAbsolute, useClock } from "@tms/console-kit";
import type { ProxyView } from "@tms/contracts/mitigator";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import {
  changedProxyFields,
  type ProxyField,
  type ProxyValues,
  proxyValuesOf,
  readProxyValues,
} from "./proxy-values.ts";
import { SavedValue } from "./SettingsField.tsx";
import { TestPanel } from "./TestPanel.tsx";
import { useConnectionTest } from "./use-connection-test.ts";

/** Services › Proxy Settings: used for both servers and both protocols. */
export function ProxySettingsScreen(): ReactNode {
  const words = useWords();
  const view = api.useRead("getProxySettings", {});
  return (
    <Page
      crumbs={[{ label: words("menu.services") }, { label: words("menu.proxy") }]}
      title={words("menu.proxy")}
      plainTitle={words("menu.proxy")}
    >
      <ProblemLine error={view.error} />
      {view.data === undefined ? null : <LoadedForm key={JSON.stringify(view.data.settings)} view={view.data} />}
    </Page>
  );
}

function LoadedForm(props: { view: ProxyView }): ReactNode {
  const words = useWords();
  const { now } = useClock();
  const { view } = props;
  const saved = proxyValuesOf(view);
  const [values, setValues] = useState(saved);
  const [wrong, setWrong] = useState<readonly ProxyField[]>([]);
  const [savedAt, setSavedAt] = useState<Date | null>(null);
  const start = api.useAct("testProxySettings");
  const testing = useConnectionTest((settings: Parameters<typeof start.mutateAsync>[0]["body"]) =>
    start.mutateAsync({ body: settings }),
  );
  const save = api.useAct("saveProxySettings", { onDone: () => setSavedAt(now) });
  const changed = changedProxyFields(values, saved);
  const outcome = readProxyValues(values);
  const sameAsTested = outcome.kind === "valid" && JSON.stringify(outcome.settings) === testing.testedValues;
  const checked = () => {
    setWrong(outcome.kind === "invalid" ? outcome.fields : []);
    return outcome.kind === "valid" ? outcome.settings : null;
  };
  const test = () => {
    const settings = checked();
    if (settings !== null) testing.start(settings);
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        test();
      }}
    >
      <div className="tms-columns" data-keep-order="" style={{ "--right": "minmax(0, 0.91fr)" } as object}>
        <div>
          <ProxyFields values={values} saved={saved} wrong={wrong} view={view} onChange={setValues} />
        </div>
        <div>
          <TestPanel
            test={testing.test}
            sameValues={sameAsTested}
            protocol={view.reaches?.protocol ?? "ssl"}
            logServer={view.reaches?.logServer ?? ""}
            statusServer={view.reaches?.statusServer ?? ""}
            cureOf={() => null}
          />
          <ProblemLine error={testing.error} />
        </div>
      </div>
      <ProblemLine error={save.error} />
      <div className="tms-foot-bar">
        <div className="tms-row">
          {testing.running ? (
            <Button variant="default" onClick={testing.cancel}>
              {words("test.cancel")}
            </Button>
          ) : (
            <Button type="submit" variant="default">
              {words("test.do")}
            </Button>
          )}
          <span className="tms-small">
            {changed.length > 0
              ? words("proxy.inForce")
              : savedAt === null
                ? words("portal.unchanged")
                : words.rich("portal.savedAt", { time: <TimeAbsolute at={savedAt.toISOString()} /> })}
          </span>
        </div>
        <div className="tms-row">
          {changed.length === 0 ? null : (
            <>
              <Button className="tms-quiet" onClick={() => setValues(saved)}>
                {words("portal.discard", { count: changed.length })}
              </Button>
              <Button
                loading={save.isPending}
                onClick={() => {
                  const settings = checked();
                  if (settings !== null) save.mutate({ body: settings });
                }}
              >
                {words("portal.save")}
              </Button>
            </>
          )}
        </div>
      </div>
    </form>
  );
}

const KINDS = ["none", "http", "socks4", "socks5"] as const;

function ProxyFields(props: {
  values: ProxyValues;
  saved: ProxyValues;
  wrong: readonly ProxyField[];
  view: ProxyView;
  onChange(values: ProxyValues): void;
}): ReactNode {
  const words = useWords();
  const { zone } = useClock();
  const { values, saved, wrong, view } = props;
  const set = (change: Partial<ProxyValues>) => props.onChange({ ...values, ...change });
  const kept = view.passwordKeptSince;
  const text = (name: "host" | "port" | "userName", label: string, numeric = false) => {
    const changed = saved.kind !== "none" && values[name] !== saved[name];
    return (
      <div>
        <TextInput
          label={label}
          className={["tms-mono-input", changed ? "tms-changed-field" : ""].join(" ")}
          autoComplete="off"
          spellCheck={false}
          {...(numeric ? { inputMode: "numeric" as const } : {})}
          value={values[name]}
          error={wrong.includes(name) ? words(`proxy.error.${name}`) : undefined}
          onChange={(event) => set({ [name]: event.currentTarget.value })}
        />
        {changed ? <SavedValue value={saved[name]} /> : null}
      </div>
    );
  };
  return (
    <div className="tms-panel">
      <section className="tms-form-section" aria-labelledby="proxy-kind">
        <h2 id="proxy-kind">{words("portal.proxy")}</h2>
        <span className="tms-small">{words("proxy.usedFor")}</span>
        {/* biome-ignore lint/a11y/useSemanticElements: pressed buttons, as the settings page draws its protocols. */}
        <div
          className="tms-switch tms-switch-tall"
          role="group"
          aria-labelledby="proxy-kind"
          style={{ marginTop: 8, maxWidth: 420 }}
        >
          {KINDS.map((kind) => (
            <button key={kind} type="button" aria-pressed={values.kind === kind} onClick={() => set({ kind })}>
              {words(`proxy.kindShort.${kind}`)}
            </button>
          ))}
        </div>
        {values.kind === "none" ? null : (
          <p className="tms-small" style={{ marginTop: 8, marginBottom: 0 }}>
            {words(`proxy.about.${values.kind}`)}
          </p>
        )}
      </section>
      {values.kind === "none" ? null : (
        <section className="tms-form-section" aria-label={words("proxy.server")}>
          <div className="tms-form-grid" style={{ marginTop: 0, "--fields": "minmax(0, 1fr) 96px" } as object}>
            {text("host", words("portal.address"))}
            {text("port", words("portal.port"), true)}
          </div>
          <div className="tms-form-grid">
            {text("userName", words("proxy.userName"))}
            {values.kind === "socks4" ? null : (
              <PasswordInput
                label={words("portal.password")}
                autoComplete="new-password"
                visibilityToggleButtonProps={{
                  "aria-label": words("portal.showPassword"),
                  style: values.password === "" ? { display: "none" } : {},
                }}
                {...(values.password === "" ? { rightSectionWidth: 12 } : {})}
                placeholder={
                  kept === null ? "" : words("portal.passwordKept", { date: longDateText(new Date(kept), zone) })
                }
                description={kept === null ? words("proxy.passwordOptional") : words("portal.passwordReplace")}
                inputWrapperOrder={["label", "input", "description", "error"]}
                value={values.password}
                error={wrong.includes("password") ? words("proxy.error.password") : undefined}
                onChange={(event) => set({ password: event.currentTarget.value })}
              />
            )}
          </div>
        </section>
      )}
    </div>
  );
}
