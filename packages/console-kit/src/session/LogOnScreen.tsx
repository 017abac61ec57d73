import { Button, PasswordInput, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useForm } from "react-hook-form";
import { ProblemLine } from "../dialog/ProblemLine.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { GateShell } from "./GateShell.tsx";
import { sessionApi } from "./session-client.ts";

interface LogOnValues {
  userName: string;
  password: string;
}

export function LogOnScreen(props: { brand: string }): ReactNode {
  const words = useKitWords();
  const setUp = sessionApi.useRead("setUpState", {}, { pollMs: false });
  const logOn = sessionApi.useAct("logOn");
  const form = useForm<LogOnValues>({ defaultValues: { userName: "", password: "" } });
  const { errors } = form.formState;
  return (
    <GateShell brand={props.brand} title={words("logOn.title")}>
      {setUp.data?.needed ? <p className="tms-prose">{words("logOn.setUpNeeded")}</p> : null}
      <form noValidate onSubmit={form.handleSubmit((body) => logOn.mutate({ body }))}>
        <TextInput
          label={words("logOn.userName")}
          autoComplete="username"
          autoFocus
          error={errors.userName?.message}
          {...form.register("userName", { required: words("form.required") })}
        />
        <PasswordInput
          label={words("logOn.password")}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ "aria-label": words("form.showPassword") }}
          error={errors.password?.message}
          {...form.register("password", { required: words("form.required") })}
        />
        <ProblemLine error={logOn.error} />
        <Button type="submit" loading={logOn.isPending}>
          {words("logOn.do")}
        </Button>
      </form>
    </GateShell>
  );
}
