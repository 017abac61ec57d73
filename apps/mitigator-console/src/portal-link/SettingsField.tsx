import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import type { UseFormReturn } from "react-hook-form";
import { useWords } from "../words.ts";
import type { FieldName, SettingsValues } from "./settings-values.ts";

interface SettingsFieldProps {
  form: UseFormReturn<SettingsValues>;
  name: Exclude<FieldName, "sending" | "protocol" | "password" | "frequency" | "upload" | "download">;
  label: string;
  saved: SettingsValues;
  /** Whether anything is saved yet; a first entry is no change. */
  compare: boolean;
  mono?: boolean;
  numeric?: boolean;
  description?: string;
}

/** A text field that shows what is saved when it holds something else. */
export function SettingsField(props: SettingsFieldProps): ReactNode {
  const { form, name } = props;
  const changed = props.compare && form.watch(name) !== props.saved[name];
  const classes = [changed ? "tms-changed-field" : "", props.mono ? "tms-mono-input" : ""].filter(
    (part) => part !== "",
  );
  return (
    <div>
      <TextInput
        label={props.label}
        className={classes.join(" ")}
        autoComplete="off"
        spellCheck={false}
        error={form.formState.errors[name]?.message}
        {...(props.numeric ? { inputMode: "numeric" as const } : {})}
        {...(props.description === undefined ? {} : { description: props.description })}
        inputWrapperOrder={["label", "input", "description", "error"]}
        {...form.register(name)}
      />
      {changed ? <SavedValue value={props.saved[name]} /> : null}
    </div>
  );
}

export function SavedValue(props: { value: string }): ReactNode {
  const words = useWords();
  return (
    <span className="tms-saved">
      {words("form.saved", { value: props.value === "" ? words("form.savedEmpty") : props.value })}
    </span>
  );
}
