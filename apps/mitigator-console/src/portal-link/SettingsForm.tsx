import { Checkbox, PasswordInput, Switch } from "@mantine/core";
import { longDateText, TimeBoth, useClock } from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { Controller, type UseFormReturn } from "react-hook-form";
import { useWords } from "../words.ts";
import { BandwidthField } from "./BandwidthField.tsx";
import { FrequencyField } from "./FrequencyField.tsx";
import { ProxyLine } from "./ProxyLine.tsx";
import { SavedValue, SettingsField } from "./SettingsField.tsx";
import type { Pins, SettingsValues } from "./settings-values.ts";

interface SettingsFormProps {
  form: UseFormReturn<SettingsValues>;
  saved: SettingsValues;
  hasSaved: boolean;
  passwordKeptSince: string | null;
  pins: Pins;
  onProtocol(protocol: "ssh" | "ssl"): void;
  connection: PortalConnection;
  sendMeanwhile: boolean;
  onSendMeanwhile(send: boolean): void;
}

/** The sections of the settings page, in the order of the domain's table. */
export function SettingsForm(props: SettingsFormProps): ReactNode {
  const words = useWords();
  const { form, saved } = props;
  const common = { form, saved, compare: props.hasSaved };
  return (
    <div className="tms-panel">
      <div className="tms-form-section">
        <Controller
          control={form.control}
          name="sending"
          render={({ field }) => (
            <Switch
              checked={field.value}
              withThumbIndicator={false}
              onChange={(event) => field.onChange(event.currentTarget.checked)}
              label={words("portal.sending")}
              description={words("portal.sendingOff")}
              styles={{ label: { fontWeight: 600 } }}
            />
          )}
        />
        <MeanwhileTick {...props} />
      </div>
      <LogServerSection {...props} />
      <section className="tms-form-section" aria-labelledby="status-server">
        <h2 id="status-server">{words("portal.statusServer")}</h2>
        <span className="tms-small">{words("portal.statusServerReceives")}</span>
        <div className="tms-form-grid" style={{ "--fields": "minmax(0, 1fr) 84px 126px 126px" } as object}>
          <SettingsField {...common} name="statusHost" label={words("portal.address")} mono />
          <SettingsField {...common} name="statusPort" label={words("portal.port")} mono numeric />
          <BandwidthField {...common} name="upload" label={words("portal.upload")} />
          <BandwidthField {...common} name="download" label={words("portal.download")} />
        </div>
      </section>
      <ProxyLine proxy={props.connection.proxy} />
      <section className="tms-form-section" aria-labelledby="credentials">
        <h2 id="credentials">{words("portal.credentials")}</h2>
        <span className="tms-small">{words("portal.credentialsChecked")}</span>
        <div className="tms-form-grid">
          <SettingsField {...common} name="userName" label={words("portal.userName")} mono />
          <SecretField {...props} />
        </div>
      </section>
      <section className="tms-form-section" aria-label={words("portal.reference")}>
        <div className="tms-form-grid" style={{ marginTop: 0 }}>
          <SettingsField
            {...common}
            name="email"
            label={words("portal.email")}
            description={words("portal.emailWhy")}
          />
          <SettingsField {...common} name="name" label={words("portal.name")} description={words("portal.nameWhy")} />
        </div>
      </section>
      <PinsSection pins={props.pins} />
    </div>
  );
}

function LogServerSection(props: SettingsFormProps): ReactNode {
  const words = useWords();
  const { form, saved } = props;
  const common = { form, saved, compare: props.hasSaved };
  const protocol = form.watch("protocol");
  const changed = props.hasSaved && protocol !== saved.protocol;
  return (
    <section className="tms-form-section" aria-labelledby="log-server">
      <h2 id="log-server">{words("portal.logServer")}</h2>
      <span className="tms-small">{words("portal.logServerReceives")}</span>
      <div className="tms-form-grid" style={{ "--fields": "minmax(0, 1fr) 84px 126px 126px" } as object}>
        <SettingsField {...common} name="logHost" label={words("portal.address")} mono />
        <SettingsField {...common} name="logPort" label={words("portal.port")} mono numeric />
        <div>
          <div className="mantine-InputWrapper-label tms-label" id="protocol-label">
            {words("portal.protocol")}
          </div>
          {/* biome-ignore lint/a11y/useSemanticElements: two pressed buttons, as the design draws them. */}
          <div className="tms-switch tms-switch-tall" role="group" aria-labelledby="protocol-label">
            {(["ssh", "ssl"] as const).map((value) => (
              <button
                key={value}
                type="button"
                aria-pressed={protocol === value}
                onClick={() => props.onProtocol(value)}
              >
                {value.toUpperCase()}
              </button>
            ))}
          </div>
          {changed ? <SavedValue value={saved.protocol.toUpperCase()} /> : null}
        </div>
        <FrequencyField {...common} connection={props.connection} />
      </div>
    </section>
  );
}

/** On enabling: whether what happened meanwhile is sent after all. */
function MeanwhileTick(props: SettingsFormProps): ReactNode {
  const words = useWords();
  const { disabled } = props.connection;
  if (disabled === null || disabled.records === 0 || !props.form.watch("sending")) return null;
  return (
    <Checkbox
      mt="sm"
      checked={props.sendMeanwhile}
      onChange={(event) => props.onSendMeanwhile(event.currentTarget.checked)}
      label={words("portal.sendMeanwhile", { count: disabled.records })}
      description={words.rich("portal.sendMeanwhileWhy", { since: <TimeBoth at={disabled.since} /> })}
    />
  );
}

/** A secret never comes back to the browser; typing replaces it. */
function SecretField(props: SettingsFormProps): ReactNode {
  const words = useWords();
  const { zone } = useClock();
  const kept = props.passwordKeptSince;
  const typed = props.form.watch("password") !== "";
  return (
    <PasswordInput
      label={words("portal.password")}
      autoComplete="new-password"
      visibilityToggleButtonProps={{
        "aria-label": words("portal.showPassword"),
        style: typed ? {} : { display: "none" },
      }}
      {...(typed ? {} : { rightSectionWidth: 12 })}
      placeholder={kept === null ? "" : words("portal.passwordKept", { date: longDateText(new Date(kept), zone) })}
      description={words(kept === null ? "portal.passwordFrom" : "portal.passwordReplace")}
      inputWrapperOrder={["label", "input", "description", "error"]}
      error={props.form.formState.errors.password?.message}
      {...props.form.register("password")}
    />
  );
}

function PinsSection(props: { pins: Pins }): ReactNode {
  const words = useWords();
  const { pins } = props;
  const [ca = ""] = pins.caPins;
  return (
    <section className="tms-form-section" aria-labelledby="pins">
      <h2 id="pins">{words("portal.pins")}</h2>
      <span className="tms-small">
        {pins.patternRoot === null ? words("portal.pinsMissing") : words("portal.pinsFrom")}
      </span>
      {pins.patternRoot === null ? null : (
        <p className="tms-small" style={{ marginTop: 6 }}>
          {words.rich("portal.pinsAre", {
            ca: <span className="tms-mono">{`${ca.slice(0, 8)}…${ca.slice(-8)}`}</span>,
            root: <span className="tms-mono">{`${pins.patternRoot.slice(0, 8)}…${pins.patternRoot.slice(-8)}`}</span>,
          })}
        </p>
      )}
    </section>
  );
}
